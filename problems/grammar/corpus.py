"""The sentences of each split: one stream of draws, each English sentence once."""

from __future__ import annotations

from collections.abc import Iterator

from problems.grammar import chance, english, french, german, sentences

SEED = 1
# Drawn in this order, so that dev and test stay the same whatever the size of the training set.
SIZES = {"test": 500, "dev": 300, "train": 80_000}
_SAY = {"de": german.say, "fr": french.say}


def pairs(
  language: str, split: str, seed: int = SEED, sizes: dict[str, int] | None = None
) -> Iterator[tuple[str, str]]:
  """Yields a split's (English, translation) pairs.

  Args:
    language: de or fr; both have the same English sentences.
    split: test, dev or train; no English sentence is in two of them, or twice in one.
    seed: of the draws.
    sizes: pairs in each split, in the order in which the splits are drawn.
  """
  sizes = sizes or SIZES
  say = _SAY[language]
  draw = sentences.Sentences(chance.Chance(seed))
  seen: set[str] = set()
  for name, size in sizes.items():
    end = len(seen) + size
    while len(seen) < end:
      sentence = draw.sentence()
      source = english.say(sentence)
      if source in seen:
        continue
      seen.add(source)
      if name == split:
        yield source, say(sentence)
    if name == split:
      return
