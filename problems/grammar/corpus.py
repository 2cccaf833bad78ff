"""The sentences of each split: one random stream without repeated English sentences."""

from __future__ import annotations

from collections.abc import Iterator

from problems.grammar import chance, english, french, german, sentences

SEED = 1
# Drawn in this order, so that dev and test do not depend on the size of the training set.
SIZES = {"test": 500, "dev": 300, "train": 80_000}
_REALIZE = {"de": german.realize, "fr": french.realize}


def pairs(
  language: str, split: str, seed: int = SEED, sizes: dict[str, int] | None = None
) -> Iterator[tuple[str, str]]:
  """Yields a split's (English, translation) pairs.

  Args:
    language: de or fr; both have the same English sentences.
    split: test, dev or train; no English sentence is repeated within or between them.
    seed: of the random stream.
    sizes: pairs in each split, in the order in which the splits are drawn.
  """
  sizes = sizes or SIZES
  realize = _REALIZE[language]
  draw = sentences.Sentences(chance.Chance(seed))
  seen: set[str] = set()
  for name, size in sizes.items():
    end = len(seen) + size
    while len(seen) < end:
      sentence = draw.sentence()
      source = english.realize(sentence)
      if source in seen:
        continue
      seen.add(source)
      if name == split:
        yield source, realize(sentence)
    if name == split:
      return
