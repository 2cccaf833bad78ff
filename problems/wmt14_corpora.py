"""The archives of WMT14's English-German and English-French data, and their checksums.

t2t's `translate_ende_wmt32k` trains on News Commentary v13 (2018); t2t's problems have no test set.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from problems import archives, download


class Corpus(NamedTuple):
  """Two line-aligned members of an archive."""

  url: str
  source: str
  target: str

  @property
  def archive(self) -> str:
    return self.url.rpartition("/")[2]

  @property
  def texts(self) -> tuple[str, str]:
    """Names of the unpacked members."""
    return archives.plain_name(self.source), archives.plain_name(self.target)

  def paths(self, tmp_dir: str) -> tuple[str, str]:
    """Paths of the unpacked members."""
    return os.path.join(tmp_dir, self.texts[0]), os.path.join(tmp_dir, self.texts[1])


_COMMON_CRAWL = "http://www.statmt.org/wmt13/training-parallel-commoncrawl.tgz"
_EUROPARL = "http://www.statmt.org/wmt13/training-parallel-europarl-v7.tgz"
_NEWS_COMMENTARY = "http://www.statmt.org/wmt14/training-parallel-nc-v9.tgz"
_GIGA = "http://www.statmt.org/wmt10/training-giga-fren.tar"
_UN = "http://www.statmt.org/wmt13/training-parallel-un.tgz"
_DEV = "http://data.statmt.org/wmt17/translation-task/dev.tgz"
_TEST = "http://www.statmt.org/wmt14/test-full.tgz"

# Training archives: as recorded by tensorflow_datasets; dev and test archive: by sacreBLEU.
CHECKSUMS = {
  _COMMON_CRAWL: download.Checksum(
    918311367, "sha256", "c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5"
  ),
  _EUROPARL: download.Checksum(657632379, "sha256", "0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7"),
  _NEWS_COMMENTARY: download.Checksum(
    80418416, "sha256", "cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485"
  ),
  _GIGA: download.Checksum(2595102720, "sha256", "3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a"),
  _UN: download.Checksum(2365634246, "sha256", "29141b5c1eba149a94f7a59d3b1a834b2e47fe0f8758d68dcd77a3d3f497ee47"),
  _DEV: download.Checksum(None, "md5", "9b1aa63c1cf49dccdd20b962fe313989"),
  _TEST: download.Checksum(None, "md5", "a8cd784e006feb32ac6f3d9ec7eb389a"),
}


def _corpora(pair: str, language: str) -> list[Corpus]:
  """Training sets available in both languages, in t2t's order."""
  stems = [
    (_COMMON_CRAWL, f"commoncrawl.{pair}"),
    (_EUROPARL, f"training/europarl-v7.{pair}"),
    (_NEWS_COMMENTARY, f"training/news-commentary-v9.{pair}"),
  ]
  return [Corpus(url, f"{stem}.en", f"{stem}.{language}") for url, stem in stems]


def _heldout(pair: str, language: str) -> dict[str, list[Corpus]]:
  test = f"test-full/newstest2014-{pair}"
  return {
    "dev": [Corpus(_DEV, "dev/newstest2013.en", f"dev/newstest2013.{language}")],
    "test": [Corpus(_TEST, f"{test}-src.en.sgm", f"{test}-ref.{language}.sgm")],
  }


CORPORA = {
  "de": {"train": _corpora("de-en", "de"), **_heldout("deen", "de")},
  "fr": {
    "train": _corpora("fr-en", "fr")
    + [
      Corpus(_GIGA, "giga-fren.release2.fixed.en.gz", "giga-fren.release2.fixed.fr.gz"),
      Corpus(_UN, "un/undoc.2000.fr-en.en", "un/undoc.2000.fr-en.fr"),
    ],
    **_heldout("fren", "fr"),
  },
}
