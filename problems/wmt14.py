"""WMT14 English-German and English-French, from WMT14's own training sets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import generator_utils, translate
from tensor2tensor.utils import registry

from problems import archives, download, lines, text, workers
from problems.wmt14_corpora import CHECKSUMS, CORPORA, Corpus
from t2t_lottery.utils import errors, file_lock


def _archive(corpus: Corpus, tmp_dir: str) -> str:
  """Path of a corpus's verified archive in tmp_dir, downloaded if it is missing."""
  path = os.path.join(tmp_dir, corpus.archive)
  checksum = CHECKSUMS.get(corpus.url)

  def check(file: str, origin: str) -> None:
    if checksum:
      download.check_file(file, checksum, origin)

  if os.path.exists(path):
    check(path, path)
  else:
    download.fetch(corpus.url, path, lambda partial: check(partial, corpus.url))
  return path


def _unpack(tmp_dir: str, task: tuple[Corpus, str]) -> None:
  corpus, archive = task
  archives.unpack(archive, (corpus.source, corpus.target), tmp_dir)


def _count(_: None, path: str) -> int:
  """Number of sentences in a text file: its lines, or an sgm file's segments; checks every line."""
  if path.endswith(".sgm"):
    return sum(line.lstrip().startswith("<seg") for line in lines.read_lines(path))
  return sum(1 for _ in lines.read_lines(path))


def _checked(pairs: list[tuple[str, str]]) -> list[int]:
  """Reads and checks complete parallel texts, in parallel processes.

  Returns:
    The number of sentence pairs in each.

  Raises:
    errors.UserError: bytes that are not UTF-8, an empty file, sides of different length.
  """
  paths = [path for pair in pairs for path in pair]
  counts = list(workers.each(_count, None, paths, min(workers.count(), len(paths))))
  for pair, source_count, target_count in zip(pairs, counts[::2], counts[1::2]):
    lines.check_lengths(*pair, source_count, target_count)
  return counts[::2]


def _compile(corpora: list[Corpus], prefix: str, tmp_dir: str) -> None:
  """Writes prefix.lang1 and prefix.lang2 of the corpora with t2t's compile_data, atomically."""
  texts = [corpus.paths(tmp_dir) for corpus in corpora]
  packed = [
    (corpus, _archive(corpus, tmp_dir))
    for corpus, pair in zip(corpora, texts)
    if not all(os.path.exists(path) for path in pair)
  ]
  for _ in workers.each(_unpack, tmp_dir, packed, min(workers.count(), max(1, len(packed)))):
    pass
  counts = _checked(texts)
  partial = prefix + ".incomplete"
  for side in (".lang1", ".lang2"):
    for path in (prefix + side, partial + side):
      if os.path.exists(path):
        os.remove(path)
  # Not a URL: compile_data would download the archive of a corpus that is already unpacked.
  datasets = [[os.path.join(tmp_dir, corpus.archive), corpus.texts] for corpus in corpora]
  translate.compile_data(tmp_dir, datasets, partial)
  for (source, target), count in zip(texts, counts):
    if source.endswith(".sgm") and _count(None, partial + ".lang1") != count:
      raise errors.UserError(f"segments of {source} and {target} are not on the same lines")
  for side in (".lang1", ".lang2"):
    os.replace(partial + side, prefix + side)


class _Wmt14(text.ParallelTextProblem):
  """English to `language`.

  Searches tmp_dir, in this order, for the compiled text that t2t also uses
  (P-compiled-{train,dev,test}.{lang1,lang2}), the unpacked members, and the archives; downloads
  missing archives.
  """

  approx_vocab_size = 2**15
  train_shards = 100
  language: str

  def _compiled_paths(self, split: str, tmp_dir: str) -> tuple[str, str]:
    """Paths of a split's compiled text, shared with the packed problem."""
    owner = self.use_vocab_from_other_problem or self
    prefix = os.path.join(tmp_dir, f"{owner.name}-compiled-{split}")
    return prefix + ".lang1", prefix + ".lang2"

  def _compiled(self, split: str, tmp_dir: str) -> tuple[str, str]:
    """The same paths, after compiling the text if needed."""
    paths = self._compiled_paths(split, tmp_dir)
    with file_lock.exclusive(tmp_dir, "t2t_lottery"):
      if all(os.path.exists(path) for path in paths):
        _checked([paths])
      else:
        _compile(CORPORA[self.language][split], paths[0].removesuffix(".lang1"), tmp_dir)
    return paths

  def origins(self, split: str, tmp_dir: str) -> tuple[str, str]:
    return self._compiled_paths(split, tmp_dir)

  def parallel_text(self, split: str, tmp_dir: str) -> Iterator[tuple[str, str]]:
    return lines.read_pairs(*self._compiled(split, tmp_dir))

  def text_files(self, split: str, tmp_dir: str, work_dir: str) -> tuple[str, str]:
    if split == "train":
      return self._compiled(split, tmp_dir)
    return super().text_files(split, tmp_dir, work_dir)

  def vocab_text(self, source: str, target: str) -> Iterator[str]:
    """t2t's sample of every training file, or of the compiled text if only that exists.

    The sample takes the same number of bytes from each corpus.
    """
    tmp_dir = os.path.dirname(source)
    corpora = CORPORA[self.language]["train"]
    pairs = [corpus.paths(tmp_dir) for corpus in corpora]
    budget = 1e6
    if not all(os.path.exists(path) for pair in pairs for path in pair):
      tf.logging.info("Building the vocabulary on %s and %s", source, target)
      pairs, budget = [(source, target)], budget * len(corpora)
    for pair in pairs:
      folder, names = os.path.dirname(pair[0]), [os.path.basename(path) for path in pair]
      yield from generator_utils.generate_lines_for_vocab(folder, [[names[0], names]], budget)


@registry.register_problem
class TranslateEndeWmt14(_Wmt14):
  """WMT14 English to German: 4.5M pairs; dev newstest2013, test newstest2014 (3,003)."""

  language = "de"


@registry.register_problem
class TranslateEnfrWmt14(_Wmt14):
  """WMT14 English to French: 36M pairs; dev newstest2013, test newstest2014 (3,003)."""

  language = "fr"


@registry.register_problem
class TranslateEndeWmt14Packed(TranslateEndeWmt14):
  """Several sentences per example, as for TPUs."""

  packed_length = 256

  @property
  def use_vocab_from_other_problem(self):
    return TranslateEndeWmt14()


@registry.register_problem
class TranslateEnfrWmt14Packed(TranslateEnfrWmt14):
  """Several sentences per example, as for TPUs."""

  packed_length = 256

  @property
  def use_vocab_from_other_problem(self):
    return TranslateEnfrWmt14()
