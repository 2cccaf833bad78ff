"""Multi30k task 1 (Elliott et al., 2016): image captions, small enough for a study on a CPU."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator

from tensor2tensor.utils import registry

from problems import download, lines, text
from t2t_lottery.utils import errors, file_lock

URL = "https://github.com/multi30k/dataset/raw/master/data/task1/raw/"

_STEMS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}

# Of the text, not of the .gz files: gzip output for the same text may differ.
SHA256 = {
  "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
  "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
  "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
  "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
  "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
  "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
  "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
  "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
  "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
}


def _check_text(path: str, name: str) -> None:
  """Verifies the checksum of a downloaded gzipped text."""
  try:
    with gzip.open(path, "rb") as stream:
      found = hashlib.sha256(stream.read()).hexdigest()
  except (EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise errors.UserError(f"{URL}{name}.gz is truncated ({error}): run again") from None
  if found != SHA256[name]:
    raise errors.UserError(f"wrong checksum: the text in {URL}{name}.gz has SHA-256 {found}, not {SHA256[name]}")


def text_path(name: str, tmp_dir: str) -> str:
  """Path of a text file of Multi30k, plain or gzipped, in tmp_dir or downloaded to it.

  Args:
    name: such as "val.en".
    tmp_dir: searched after its subfolder multi30k, the target of downloads.

  Raises:
    errors.UserError: the download fails or its text has another checksum.
  """
  own_dir = os.path.join(tmp_dir, "multi30k")
  found = lines.find([own_dir, tmp_dir], name)
  if found:
    return found
  path = os.path.join(own_dir, name + ".gz")
  with file_lock.exclusive(own_dir, "t2t_lottery"):
    if not os.path.exists(path):
      download.fetch(f"{URL}{name}.gz", path, lambda partial: _check_text(partial, name))
  return path


class _Multi30k(text.ParallelTextProblem):
  """English to `language`: dev is val, test is test_2016_flickr."""

  language: str

  def origins(self, split: str, tmp_dir: str) -> tuple[str, str]:
    source, target = (text_path(f"{_STEMS[split]}.{language}", tmp_dir) for language in ("en", self.language))
    return source, target

  def parallel_text(self, split: str, tmp_dir: str) -> Iterator[tuple[str, str]]:
    return lines.read_pairs(*self.origins(split, tmp_dir))


@registry.register_problem
class TranslateEndeMulti30k(_Multi30k):
  """Multi30k English to German."""

  language = "de"


@registry.register_problem
class TranslateEnfrMulti30k(_Multi30k):
  """Multi30k English to French."""

  language = "fr"


# With the short names of t2t's `translate_ende_wmt8k`: for the micro model, whose time is mostly the softmax.
@registry.register_problem("translate_ende_multi30k_1k")
class TranslateEndeMulti30k1k(TranslateEndeMulti30k):
  """Multi30k English to German with 1,024 subwords."""

  approx_vocab_size = 2**10


@registry.register_problem("translate_enfr_multi30k_1k")
class TranslateEnfrMulti30k1k(TranslateEnfrMulti30k):
  """Multi30k English to French with 1,024 subwords."""

  approx_vocab_size = 2**10
