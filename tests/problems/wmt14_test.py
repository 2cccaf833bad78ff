"""WMT14 from small archives of the real layout, in a local folder and from a server on loopback."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import tarfile
import tempfile
import threading
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

import tensorflow as tf  # noqa: E402
from sacrebleu.dataset import DATASETS  # noqa: E402

from t2t_lottery import compat  # noqa: E402

compat.apply_patches()

from tensor2tensor.data_generators import (  # noqa: E402
  generator_utils,
  translate,
  translate_ende,
  translate_enfr,
)
from tensor2tensor.utils import registry  # noqa: E402

import problems  # noqa: E402, F401
from problems import archives, download, records, wmt14, workers  # noqa: E402
from t2t_lottery.data import manifest  # noqa: E402
from t2t_lottery.utils import errors  # noqa: E402

REAL_TEXT = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "newstest"
ENDE, ENFR = "translate_ende_wmt14", "translate_enfr_wmt14"

# Members of the published archives that are not needed: unpacking must skip them.
OTHER_MEMBERS = {
  "training-parallel-europarl-v7.tgz": ["training/europarl-v7.cs-en.cs"],
  "dev.tgz": ["dev/newstest2012.en", "dev/newstest2013-src.en.sgm"],
  "test-full.tgz": ["test-full/newstest2014-deen-src.de.sgm"],
}
SENTENCES = {
  "training-parallel-commoncrawl.tgz": 60,
  "training-parallel-europarl-v7.tgz": 50,
  "training-parallel-nc-v9.tgz": 40,
  "training-giga-fren.tar": 70,
  "training-parallel-un.tgz": 30,
  "dev.tgz": 12,
  "test-full.tgz": 9,
}


def made_sentences(archive: str, language: str) -> list[str]:
  """Distinct lines; those of two languages are parallel."""
  words = {"en": "The house number", "de": "Das Haus Nummer", "fr": "L'été, maison nº"}
  stem = archive.partition(".")[0]
  return [f"{words[language]} {i} ({stem}), {i * 7919} & more." for i in range(SENTENCES[archive])]


def sgm(sentences: list[str], kind: str) -> str:
  """A test set in WMT's format: documents, headlines on separate lines, one segment per line."""
  rows = [f'<{kind} setid="newstest2014" srclang="any">']
  for start in range(0, len(sentences), 4):
    rows += [f'<doc docid="{start}" genre="news" origlang="en">', "<p>"]
    for number, sentence in enumerate(sentences[start : start + 4], 1):
      rows.append(f'<seg id="{number}">{sentence}</seg>')
    rows += ["</p>", "</doc>"]
  return "\n".join([*rows, f"</{kind}>"]) + "\n"


def content(archive: str, member: str) -> bytes:
  """A member as in the published archive: plain, sgm, or gzipped inside the tar."""
  stem = member.removesuffix(".gz").removesuffix(".sgm")
  language = stem.rpartition(".")[2]
  sentences = made_sentences(archive, language if language in ("en", "de", "fr") else "en")
  if member.endswith(".sgm"):
    return sgm(sentences, "srcset" if "-src." in member else "refset").encode("utf-8")
  plain = "".join(sentence + "\n" for sentence in sentences).encode("utf-8")
  return gzip.compress(plain) if member.endswith(".gz") else plain


def write_archive(folder: str, archive: str, members: dict[str, bytes]) -> None:
  mode = "w:gz" if archive.endswith("gz") else "w"
  with tarfile.open(os.path.join(folder, archive), mode) as tar:
    for member, data in members.items():
      info = tarfile.TarInfo(member)
      info.size = len(data)
      tar.addfile(info, io.BytesIO(data))


def members_of_archives() -> dict[str, dict[str, bytes]]:
  """The members of every archive that the problems use, and some others."""
  found: dict[str, dict[str, bytes]] = {}
  for splits in wmt14.CORPORA.values():
    for corpus in (corpus for corpora in splits.values() for corpus in corpora):
      names = OTHER_MEMBERS.get(corpus.archive, []) + [corpus.source, corpus.target]
      for name in names:
        found.setdefault(corpus.archive, {})[name] = content(corpus.archive, name)
  return found


def features(path: str) -> list[dict[str, list[int]]]:
  examples = map(tf.train.Example.FromString, tf.compat.v1.io.tf_record_iterator(path))
  return [
    {key: list(value.int64_list.value) for key, value in example.features.feature.items()} for example in examples
  ]


class Wmt14Test(tf.test.TestCase):
  """All archives in tmp_dir."""

  def setUp(self):
    super().setUp()
    self.root = self.enter_context(tempfile.TemporaryDirectory())
    self.tmp_dir = os.path.join(self.root, "tmp")
    self.data_dir = os.path.join(self.root, "data")
    os.makedirs(self.tmp_dir)
    self.members = members_of_archives()
    for archive, members in self.members.items():
      write_archive(self.tmp_dir, archive, members)
    self.enter_context(mock.patch.dict(wmt14.CHECKSUMS, clear=True))
    # Never from the network: files missing in tmp_dir come from here.
    self.serve(f"file://{self.root}/served/")
    for problem_class in (wmt14.TranslateEndeWmt14, wmt14.TranslateEnfrWmt14):
      self.enter_context(mock.patch.object(problem_class, "train_shards", 4))

  def serve(self, address: str) -> None:
    served = {
      language: {
        split: [corpus._replace(url=address + corpus.archive) for corpus in corpora]
        for split, corpora in splits.items()
      }
      for language, splits in wmt14.CORPORA.items()
    }
    self.enter_context(mock.patch.object(wmt14, "CORPORA", served))

  def generate(self, name: str = ENDE, data_dir: str | None = None) -> str:
    data_dir = data_dir or self.data_dir
    registry.problem(name).generate_data(data_dir, self.tmp_dir)
    return data_dir

  def rewrite(self, archive: str, member: str, data: bytes | None) -> None:
    """Rewrites an archive with another content of a member, or without it."""
    members = dict(self.members[archive])
    if data is None:
      del members[member]
    else:
      members[member] = data
    write_archive(self.tmp_dir, archive, members)

  def sums(self, folder: str) -> dict[str, str]:
    paths = [path for path in pathlib.Path(folder).iterdir() if path.is_file()]
    visible = [path for path in paths if path.name[0] != "."]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in visible}

  def assert_fails(self, message: str, name: str = ENDE, split: str = "train") -> None:
    """Datagen fails with one matching line, and leaves no data and no compiled split."""
    with self.assertRaisesRegex(SystemExit, "^t2t-lottery: .*" + message) as raised:
      self.generate(name)
    self.assertNotIn("\n", str(raised.exception))
    self.assertEmpty(self.sums(self.data_dir))
    self.assertEmpty(list(pathlib.Path(self.tmp_dir).glob(f"{name}-compiled-{split}.lang?")))

  def pairs(self, name: str, language: str, split: str) -> list[tuple[str, str]]:
    archives_of_split = [corpus.archive for corpus in wmt14.CORPORA[language][split]]
    return [
      pair
      for archive in archives_of_split
      for pair in zip(made_sentences(archive, "en"), made_sentences(archive, language))
    ]

  def decoded(self, name: str, data_dir: str, split: str) -> list[tuple[str, ...]]:
    encoder = registry.problem(name).feature_encoders(data_dir)["inputs"]
    found = []
    for path in sorted(pathlib.Path(data_dir).glob(f"{name}-{split}-*")):
      for example in features(str(path)):
        pair = [example[key] for key in ("inputs", "targets")]
        self.assertEqual([side[-1] for side in pair], [1, 1])
        found.append(tuple(encoder.decode(side[:-1]) for side in pair))
    return found


class WrittenTest(Wmt14Test):
  """Both language pairs, plain and packed."""

  def check(self, name: str, language: str) -> None:
    self.generate(name)
    self.assertCountEqual(self.decoded(name, self.data_dir, "train"), self.pairs(name, language, "train"))
    for split in manifest.RAW_SPLITS:
      expected = self.pairs(name, language, split)
      self.assertEqual(self.decoded(name, self.data_dir, split), expected)
      self.assertEqual(list(zip(*manifest.raw_text(name, self.data_dir, split))), expected)

  def test_ende(self):
    self.check(ENDE, "de")

  def test_enfr(self):
    self.check(ENFR, "fr")
    self.assertLen(self.pairs(ENFR, "fr", "train"), 250)

  def test_vocabulary_is_built_on_t2ts_sample(self):
    self.generate()
    sources = [[c.url, c.texts] for c in wmt14.CORPORA["de"]["train"]]
    generator_utils.get_or_generate_vocab(self.root, self.tmp_dir, "expected", 2**15, sources, max_subtoken_length=200)
    found = pathlib.Path(manifest.vocabulary(ENDE, self.data_dir))
    self.assertEqual(found.name, "vocab.translate_ende_wmt14.32768.subwords")
    self.assertEqual(found.read_bytes(), pathlib.Path(self.root, "expected").read_bytes())

  def test_packed(self):
    self.generate(ENDE + "_packed")
    before = self.sums(self.tmp_dir)
    self.generate(ENDE)
    self.assertEqual(self.sums(self.tmp_dir), before)
    self.assertTrue(manifest.is_complete(ENDE + "_packed", self.data_dir))
    self.assertEqual(manifest.vocabulary(ENDE, self.data_dir), manifest.vocabulary(ENDE + "_packed", self.data_dir))
    packed_problem = registry.problem(ENDE + "_packed")
    encoder = packed_problem.feature_encoders(self.data_dir)["inputs"]
    fields, _ = packed_problem.example_reading_spec()
    pairs = []
    for path in pathlib.Path(self.data_dir).glob(ENDE + "_packed-train-*"):
      for example in features(str(path)):
        self.assertEqual(set(example), set(fields))
        for key in ("inputs", "targets"):
          self.assertLessEqual(len(example[key]), 256)
          self.assertLen(example[key + "_segmentation"], len(example[key]))
        for segment in range(1, max(example["inputs_segmentation"]) + 1):
          pair = []
          for key in ("inputs", "targets"):
            places = [i for i, s in enumerate(example[key + "_segmentation"]) if s == segment]
            positions = [example[key + "_position"][i] for i in places]
            self.assertEqual(positions, list(range(len(places))))
            pair.append(encoder.decode([example[key][i] for i in places][:-1]))
          pairs.append(tuple(pair))
    self.assertCountEqual(pairs, self.pairs(ENDE, "de", "train"))
    _, references = manifest.raw_text(ENDE + "_packed", self.data_dir, "test")
    self.assertEqual(references, [pair[1] for pair in self.pairs(ENDE, "de", "test")])

  def test_parallel_equals_serial(self):
    self.enter_context(mock.patch.object(records, "LINES_PER_CHUNK", 11))
    for name in (ENFR, ENFR + "_packed"):
      found = []
      for processes in ("1", "3"):
        with mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: processes}):
          found.append(self.sums(self.generate(name, os.path.join(self.root, name + processes))))
      self.assertEqual(*found)

  def test_compiled_text_alone(self):
    shutil.rmtree(self.tmp_dir)
    os.makedirs(self.tmp_dir)
    for split, count in [("train", 40), ("dev", 5), ("test", 4)]:
      for side in ("lang1", "lang2"):
        text = "".join(f"{split} {side} {i}\n" for i in range(count))
        pathlib.Path(self.tmp_dir, f"{ENDE}-compiled-{split}.{side}").write_text(text)
    self.generate()
    sources, _ = manifest.raw_text(ENDE, self.data_dir, "dev")
    self.assertEqual(sources, [f"dev lang1 {i}" for i in range(5)])
    self.assertLen(self.decoded(ENDE, self.data_dir, "train"), 40)

  def test_unpacked_members_alone(self):
    expected = self.sums(self.generate(data_dir=os.path.join(self.root, "from_archives")))
    for path in pathlib.Path(self.tmp_dir).iterdir():
      if path.name.endswith((".tgz", ".tar", ".lang1", ".lang2")):
        path.unlink()
    self.assertEqual(self.sums(self.generate()), expected)

  def test_relative_tmp_dir(self):
    os.rename(self.tmp_dir, os.path.join(self.root, "gz.tmp"))
    folder = os.getcwd()
    self.addCleanup(os.chdir, folder)
    os.chdir(self.root)
    self.tmp_dir = "./gz.tmp"
    self.generate(ENFR)
    self.assertLen(manifest.raw_text(ENFR, self.data_dir, "dev")[0], 12)


class SourcesTest(tf.test.TestCase):
  """The archives are WMT14's."""

  def test_agree_with_t2ts_tables(self):
    def table(corpora):
      return {(url, tuple(members)) for url, members in corpora}

    def ours(language, split):
      return {(c.url, (c.source, c.target)) for c in wmt14.CORPORA[language][split]}

    self.assertEqual(ours("fr", "train"), table(translate_enfr._ENFR_TRAIN_LARGE_DATA))
    self.assertEqual(ours("fr", "dev"), table(translate_enfr._ENFR_TEST_LARGE_DATA))
    self.assertEqual(ours("de", "dev"), table(translate_ende._ENDE_EVAL_DATASETS))
    differ = ours("de", "train") ^ table(translate_ende._ENDE_TRAIN_DATASETS)
    self.assertEqual(
      {members[0] for _, members in differ},
      {
        "training/news-commentary-v9.de-en.en",
        "training-parallel-nc-v13/news-commentary-v13.de-en.en",
      },
    )

  def test_every_archive_has_a_checksum(self):
    used = {c.url for s in wmt14.CORPORA.values() for corpora in s.values() for c in corpora}
    self.assertEqual(set(wmt14.CHECKSUMS), used)

  def test_checksums_of_heldout_sets_are_sacrebleus(self):
    def address(url):
      return url.partition("://")[2].removeprefix("www.")

    known = {address(url): md5 for data in DATASETS.values() for url, md5 in zip(data.data, data.md5 or [])}
    for split in ("dev", "test"):
      (corpus,) = wmt14.CORPORA["de"][split]
      self.assertEqual(wmt14.CHECKSUMS[corpus.url], (None, "md5", known[address(corpus.url)]))


class BadDataTest(Wmt14Test):
  """One line for each kind of invalid data."""

  def test_archive_truncated(self):
    path = pathlib.Path(self.tmp_dir, "training-parallel-nc-v9.tgz")
    path.write_bytes(path.read_bytes()[:200])
    self.assert_fails(r"nc-v9\.tgz is truncated or damaged")

  def test_a_flipped_byte_anywhere_is_detected(self):
    """By the archive's checksum, which comes last: 40 positions spread over it, including the parts after the members."""
    archive = "training-parallel-nc-v9.tgz"
    names = tuple(self.members[archive])
    content = pathlib.Path(self.tmp_dir, archive).read_bytes()
    damaged = os.path.join(self.root, archive)
    # The header, which no checksum covers, ends with the archive's name.
    start = content.index(b"\0", 10) + 1
    for number, place in enumerate(range(start, len(content), max(1, len(content) // 40))):
      pathlib.Path(damaged).write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
      folder = os.path.join(self.root, f"unpacked-{number}")
      with self.assertRaisesRegex(errors.UserError, "is truncated or damaged"):
        archives.unpack(damaged, names, folder)
      self.assertEmpty([path for path in pathlib.Path(folder).rglob("*.??") if path.is_file()])

  def test_tar_truncated(self):
    path = pathlib.Path(self.tmp_dir, "training-giga-fren.tar")
    path.write_bytes(path.read_bytes()[:700])
    self.assert_fails(r"giga-fren\.tar is truncated or damaged", ENFR)

  def test_not_an_archive(self):
    pathlib.Path(self.tmp_dir, "dev.tgz").write_text("<html>404 not found</html>")
    self.assert_fails(r"dev\.tgz is truncated or damaged", split="dev")

  def test_member_missing(self):
    self.rewrite("training-parallel-nc-v9.tgz", "training/news-commentary-v9.de-en.de", None)
    self.assert_fails(r"nc-v9\.tgz does not contain training/news-commentary-v9\.de-en\.de")

  def test_archive_missing(self):
    os.remove(os.path.join(self.tmp_dir, "training-parallel-nc-v9.tgz"))
    self.assert_fails(r"cannot download file://.*nc-v9\.tgz .* put the file at .*nc-v9\.tgz")

  def test_sides_of_different_length(self):
    member = "training/europarl-v7.de-en.de"
    data = self.members["training-parallel-europarl-v7.tgz"][member]
    self.rewrite("training-parallel-europarl-v7.tgz", member, data + b"noch einer\n")
    self.assert_fails(r"v7\.de-en\.en has 50 lines, .*v7\.de-en\.de has 51")

  def test_not_utf8(self):
    member = "giga-fren.release2.fixed.fr.gz"
    plain = gzip.decompress(self.members["training-giga-fren.tar"][member])
    data = plain.replace("L'été, maison nº 20".encode(), b"L'\xe9t\xe9")
    self.rewrite("training-giga-fren.tar", member, gzip.compress(data))
    self.assert_fails(r"giga-fren\.release2\.fixed\.fr, line 21: bytes that are not UTF-8", ENFR)

  def test_empty_member(self):
    self.rewrite("training-parallel-commoncrawl.tgz", "commoncrawl.de-en.en", b"")
    self.assert_fails(r"commoncrawl\.de-en\.en is empty")

  def test_segments_out_of_line(self):
    member = "test-full/newstest2014-deen-ref.de.sgm"
    data = self.members["test-full.tgz"][member]
    data = data.replace(b"<p>\n", b"", 1).replace(b"</p>", b"\n</p>")
    self.rewrite("test-full.tgz", member, data)
    self.assert_fails("are not on the same lines", split="test")

  def test_segment_missing(self):
    member = "test-full/newstest2014-deen-ref.de.sgm"
    rows = self.members["test-full.tgz"][member].split(b"\n")
    data = b"\n".join(row for row in rows if b"number 3" not in row and b"Nummer 3" not in row)
    self.rewrite("test-full.tgz", member, data)
    self.assert_fails(r"src\.en\.sgm has 9 lines, .*ref\.de\.sgm has 8", split="test")

  def test_size_and_checksum(self):
    url = f"file://{self.root}/served/training-parallel-nc-v9.tgz"
    path = os.path.join(self.tmp_dir, "training-parallel-nc-v9.tgz")
    size, sha256 = manifest.file_info(path)
    wmt14.CHECKSUMS[url] = download.Checksum(size + 1, "sha256", sha256)
    self.assert_fails(f"nc-v9.tgz has {size} bytes, not {size + 1} .truncated")
    wmt14.CHECKSUMS[url] = download.Checksum(size, "sha256", "0" * 64)
    self.assert_fails("wrong checksum: .*nc-v9.tgz has sha256 " + sha256)
    wmt14.CHECKSUMS[url] = download.Checksum(size, "sha256", sha256)
    self.generate()

  def test_compiled_sides_of_different_length(self):
    for side, count in (("lang1", 4), ("lang2", 3)):
      path = pathlib.Path(self.tmp_dir, f"{ENDE}-compiled-train.{side}")
      path.write_text("a line\n" * count)
    with self.assertRaisesRegex(SystemExit, "train.lang1 has 4 lines, .*train.lang2 has 3"):
      self.generate()
    pathlib.Path(self.tmp_dir, f"{ENDE}-compiled-train.lang2").write_bytes(b"a\nb\nc\n\xff\n")
    with self.assertRaisesRegex(SystemExit, "train.lang2, line 4: bytes that are not UTF-8"):
      self.generate()


class KilledTest(Wmt14Test):
  """Nothing partial in tmp_dir or data_dir is treated as complete."""

  def test_killed_anywhere(self):
    expected = self.sums(self.generate(ENFR, os.path.join(self.root, "unbroken")))
    self.enter_context(mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: "1"}))
    for module, function, calls in [
      (shutil, "copyfileobj", 2),
      (archives.os, "replace", 3),
      (translate, "_preprocess_sgm", 150),
      (wmt14.os, "replace", 11),
      (wmt14.os, "replace", 12),
    ]:
      with self.subTest(function=function, calls=calls):
        self.clean()
        self.kill(module, function, calls)
        self.assertFalse(manifest.is_complete(ENFR, self.data_dir))
        self.assertEqual(self.sums(self.generate(ENFR)), expected)
        self.assertEmpty(list(pathlib.Path(self.tmp_dir).rglob("*.incomplete*")))

  def clean(self) -> None:
    shutil.rmtree(self.data_dir, ignore_errors=True)
    for path in pathlib.Path(self.tmp_dir).iterdir():
      if path.is_dir():
        shutil.rmtree(path)
      elif not path.name.endswith((".tgz", ".tar")):
        path.unlink()

  def kill(self, module, function: str, calls: int) -> None:
    original, seen = getattr(module, function), []

    def deadly(*args, **kwargs):
      seen.append(1)
      if len(seen) == calls:
        # The process is killed after the first bytes of a copy.
        if function == "copyfileobj":
          args[1].write(args[0].read(100))
          args[1].flush()
        os.kill(os.getpid(), signal.SIGKILL)
      return original(*args, **kwargs)

    with mock.patch.object(module, function, deadly):
      child = multiprocessing.get_context("fork").Process(target=self.generate, args=(ENFR,))
      child.start()
      child.join()
    self.assertEqual(child.exitcode, -signal.SIGKILL)


class _Server(http.server.SimpleHTTPRequestHandler):
  """Serves a folder; breaks the connection within one file; supports ranges."""

  broken: list[str] = []
  requests: list[tuple[str, str | None]] = []

  def do_GET(self):
    data = pathlib.Path(self.translate_path(self.path)).read_bytes()
    wanted = self.headers.get("Range")
    self.requests.append((self.path[1:], wanted))
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
    self.send_response(206 if wanted else 200)
    self.send_header("Content-Length", str(len(data) - start))
    self.end_headers()
    end = start + 150 if self.path[1:] in self.broken else len(data)
    self.wfile.write(data[start:end])

  def log_message(self, *args):
    pass


class DownloadTest(Wmt14Test):
  """The archives from a server on loopback."""

  def setUp(self):
    super().setUp()
    served = os.path.join(self.root, "served")
    os.rename(self.tmp_dir, served)
    self.handler = type("Handler", (_Server,), {"broken": [], "requests": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: self.handler(*args, directory=served))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    self.addCleanup(server.server_close)
    self.addCleanup(server.shutdown)
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    self.serve(address)
    for archive in self.members:
      size, sha256 = manifest.file_info(os.path.join(served, archive))
      wmt14.CHECKSUMS[address + archive] = download.Checksum(size, "sha256", sha256)
    self.address = address

  def test_broken_then_resumed(self):
    archive = "training-parallel-europarl-v7.tgz"
    self.handler.broken.append(archive)
    self.assert_fails(f"cannot download .*{archive} .the connection broke after 150 of")
    self.assertNotIn(archive, os.listdir(self.tmp_dir))
    self.handler.broken.clear()
    self.handler.requests.clear()
    self.generate()
    self.assertEqual(
      self.handler.requests,
      [
        (archive, "bytes=150-"),
        ("training-parallel-nc-v9.tgz", None),
        ("dev.tgz", None),
        ("test-full.tgz", None),
      ],
    )
    self.assertCountEqual(self.decoded(ENDE, self.data_dir, "train"), self.pairs(ENDE, "de", "train"))

  def test_wrong_checksum_leaves_no_file(self):
    url = self.address + "training-parallel-nc-v9.tgz"
    wmt14.CHECKSUMS[url] = wmt14.CHECKSUMS[url]._replace(digest="0" * 64)
    self.assert_fails("wrong checksum: http://.*nc-v9.tgz")
    self.assertEmpty(list(pathlib.Path(self.tmp_dir).glob("*nc-v9*")))


class RealTextTest(Wmt14Test):
  """The real newstest as dev and test, with a synthetic training set."""

  def test_newstest(self):
    if not REAL_TEXT.is_dir():
      self.skipTest("newstest's text is not next to the checkout")
    for language in ("en", "de"):
      name = f"newstest2013.{language}"
      self.members["dev.tgz"][f"dev/{name}"] = (REAL_TEXT / name).read_bytes()
    sentences = {}
    for language, kind in (("en", "src"), ("de", "ref")):
      text = (REAL_TEXT / f"newstest2014.en-de.{language}").read_text("utf-8")
      sentences[language] = text.split("\n")[:-1]
      member = f"test-full/newstest2014-deen-{kind}.{language}.sgm"
      self.members["test-full.tgz"][member] = sgm(sentences[language], kind + "set").encode("utf-8")
    for archive in ("dev.tgz", "test-full.tgz"):
      write_archive(self.tmp_dir, archive, self.members[archive])
    self.generate()
    self.assertLen(manifest.raw_text(ENDE, self.data_dir, "dev")[0], 3000)
    found = manifest.raw_text(ENDE, self.data_dir, "test")
    self.assertLen(found[0], 3003)
    self.assertEqual(found[0], sentences["en"])
    self.assertEqual(found[1], sentences["de"])
    dev = (REAL_TEXT / "newstest2013.de").read_text("utf-8").split("\n")[:-1]
    self.assertEqual(manifest.raw_text(ENDE, self.data_dir, "dev")[1], dev)


if __name__ == "__main__":
  tf.test.main()
