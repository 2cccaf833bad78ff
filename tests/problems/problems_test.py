"""Datagen of parallel text: its output, atomicity, and errors for invalid data."""

from __future__ import annotations

import collections
import gzip
import hashlib
import http.server
import multiprocessing
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

import pytest
import tensorflow as tf  # noqa: E402

from t2t_lottery import compat  # noqa: E402

compat.apply_patches()

from absl.testing import flagsaver  # noqa: E402
from tensor2tensor.bin import t2t_trainer  # noqa: E402
from tensor2tensor.data_generators import generator_utils, problem  # noqa: E402
from tensor2tensor.utils import registry  # noqa: E402

import problems  # noqa: E402, F401
from problems import download, lines, multi30k, records, text, workers  # noqa: E402
from t2t_lottery.data import manifest  # noqa: E402
from t2t_lottery.reproduce import validation  # noqa: E402
from t2t_lottery.utils import errors  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
REAL_TEXT = REPOSITORY.parent / "shared" / "data" / "multi30k"
NAME = "translate_ende_multi30k"
STEMS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}

# Characters at which str.splitlines, universal newlines or a table reader would split a sentence.
UNUSUAL_LINES = ["a\tb c", "one\rtwo", "line\u2028sep", "next\x85line", "form\x0cfeed", "  sp  out "]


def synthetic_text(count: int, first: int = 0) -> tuple[list[str], list[str]]:
  """Distinct sentence pairs."""
  verbs = ["sees", "takes", "paints", "finds"]
  english = [f"A man {verbs[i % 4]} {i} red balls." for i in range(first, first + count)]
  german = [f"Ein Mann {verbs[i % 4][::-1]} {i} rote Bälle." for i in range(first, first + count)]
  return english, german


def write(path, sentences: list[str]) -> None:
  content = "".join(sentence + "\n" for sentence in sentences).encode("utf-8")
  if str(path).endswith(".gz"):
    content = gzip.compress(content)
  pathlib.Path(path).write_bytes(content)


def read_records(path: str) -> list[tf.train.Example]:
  return [tf.train.Example.FromString(record) for record in tf.compat.v1.io.tf_record_iterator(path)]


def ids(example: tf.train.Example, key: str) -> list[int]:
  return list(example.features.feature[key].int64_list.value)


class ProblemsTest(tf.test.TestCase):
  """A folder of synthetic Multi30k text in tmp_dir and an empty data_dir."""

  def setUp(self):
    super().setUp()
    self.root = self.enter_context(tempfile.TemporaryDirectory())
    self.tmp_dir = os.path.join(self.root, "tmp")
    self.data_dir = os.path.join(self.root, "data")
    os.makedirs(self.tmp_dir)
    self.text = {}
    for number, (split, count) in enumerate([("train", 120), ("dev", 10), ("test", 7)]):
      english, german = synthetic_text(count, 1000 * number)
      self.text[split] = english + UNUSUAL_LINES, german + UNUSUAL_LINES
    self.write_text()
    # Never from the network: files missing in tmp_dir are downloaded.
    self.enter_context(mock.patch.object(multi30k, "URL", f"file://{self.root}/served/"))
    self.problem = registry.problem(NAME)

  def write_text(self, suffix: str = "") -> None:
    for split, sides in self.text.items():
      for language, sentences in zip(("en", "de"), sides):
        write(os.path.join(self.tmp_dir, f"{STEMS[split]}.{language}{suffix}"), sentences)

  def generate(self, data_dir: str | None = None) -> str:
    data_dir = data_dir or self.data_dir
    self.problem.generate_data(data_dir, self.tmp_dir)
    return data_dir

  def visible(self, folder: str | None = None) -> list[str]:
    return [name for name in sorted(os.listdir(folder or self.data_dir)) if name[0] != "."]

  def contents(self, folder: str) -> dict[str, str]:
    paths = {name: pathlib.Path(folder, name) for name in self.visible(folder)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}

  def assert_fails(self, message: str) -> None:
    """Datagen fails with one matching line, and leaves no files."""
    with self.assertRaisesRegex(SystemExit, "^t2t-lottery: .*" + message) as raised:
      self.generate()
    self.assertNotIn("\n", str(raised.exception))
    self.assertFalse(manifest.is_complete(NAME, self.data_dir))
    self.assertEmpty(self.visible())
    self.assertEqual(os.listdir(self.data_dir), [f".{NAME}.lock"])


class WrittenTest(ProblemsTest):
  """Output of a successful datagen."""

  def test_raw_text_equals_input(self):
    self.generate()
    for split in manifest.RAW_SPLITS:
      self.assertEqual(manifest.raw_text(NAME, self.data_dir, split), self.text[split])

  def test_records_decode_to_text(self):
    self.generate()
    encoder = self.problem.feature_encoders(self.data_dir)["inputs"]
    for split, mode in [("train", "train"), ("dev", "eval"), ("test", "test")]:
      paths = sorted(tf.io.gfile.glob(self.problem.filepattern(self.data_dir, mode)))
      self.assertLen(paths, 10 if split == "train" else 1)
      decoded = []
      for path in paths:
        for example in read_records(path):
          pair = [ids(example, key) for key in ("inputs", "targets")]
          self.assertEqual([side.pop() for side in pair], [1, 1])
          decoded.append(tuple(encoder.decode(side) for side in pair))
      expected = [tuple(s.strip() for s in pair) for pair in zip(*self.text[split])]
      if split == "train":
        self.assertNotEqual(decoded, expected)
        self.assertCountEqual(decoded, expected)
      else:
        self.assertEqual(decoded, expected)

  def test_features_are_those_of_t2t(self):
    self.generate()
    dataset = self.problem.dataset("train", data_dir=self.data_dir, shuffle_files=False)
    first = tf.compat.v1.data.make_one_shot_iterator(dataset).get_next()
    with self.session() as session:
      features = session.run(first)
    self.assertLessEqual({"inputs", "targets"}, set(features))
    self.assertEqual(
      self.problem.get_hparams(mock.Mock(data_dir=self.data_dir)).vocab_size["targets"],
      self.problem.feature_encoders(self.data_dir)["targets"].vocab_size,
    )

  def test_vocabulary_is_t2ts(self):
    self.generate()
    sentences = (s.strip().replace("\r", "") for side in self.text["train"] for s in side)
    generator_utils.get_or_generate_vocab_inner(self.root, "expected", self.problem.approx_vocab_size, sentences, 200)
    found = pathlib.Path(manifest.vocabulary(NAME, self.data_dir)).read_bytes()
    self.assertEqual(found, pathlib.Path(self.root, "expected").read_bytes())

  def test_t2ts_interfaces_to_the_text(self):
    samples = list(self.problem.generate_samples("", self.tmp_dir, problem.DatasetSplit.EVAL))
    self.assertEqual([s["inputs"] for s in samples], [s.strip() for s in self.text["dev"][0]])
    for_vocab = list(self.problem.generate_text_for_vocab("", self.tmp_dir))
    self.assertCountEqual(for_vocab, [s.strip() for side in self.text["train"] for s in side])

  def test_parallel_equals_serial(self):
    self.enter_context(mock.patch.object(records, "LINES_PER_CHUNK", 7))
    found = []
    for processes in ("1", "3"):
      with mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: processes}):
        found.append(self.contents(self.generate(os.path.join(self.root, processes))))
    self.enter_context(mock.patch.object(records, "LINES_PER_CHUNK", 1000))
    found.append(self.contents(self.generate()))
    self.assertEqual(found[0], found[1])
    self.assertEqual(found[0], found[2])

  def test_a_byte_order_mark_at_the_start_of_a_file_is_dropped(self):
    plain = self.contents(self.generate())
    for split, sides in self.text.items():
      for language, sentences in zip(("en", "de"), sides):
        write(os.path.join(self.tmp_dir, f"{STEMS[split]}.{language}"), ["\ufeff" + sentences[0], *sentences[1:]])
    self.assertEqual(self.contents(self.generate(os.path.join(self.root, "marked"))), plain)

  def test_a_byte_order_mark_of_an_older_reference_is_dropped(self):
    self.generate()
    name = manifest.raw_name(NAME, "dev", "reference")
    path = pathlib.Path(self.data_dir, name)
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    written = {**manifest.manifest_files(NAME, self.data_dir), name: manifest.file_info(str(path))}
    manifest.write_manifest(NAME, self.data_dir, written, {})
    self.assertEqual(manifest.raw_text(NAME, self.data_dir, "dev"), self.text["dev"])

  def test_training_lengths_match_the_records(self):
    self.generate()
    found = collections.Counter()
    for path in tf.io.gfile.glob(os.path.join(self.data_dir, f"{NAME}-train-*")):
      found.update(max(len(ids(example, key)) for key in ("inputs", "targets")) for example in read_records(path))
    self.assertEqual(manifest.train_lengths(NAME, self.data_dir), dict(found))

  def test_gzipped_text(self):
    plain = self.contents(self.generate(os.path.join(self.root, "plain")))
    shutil.rmtree(self.tmp_dir)
    os.makedirs(self.tmp_dir)
    self.write_text(".gz")
    self.assertEqual(self.contents(self.generate()), plain)

  def test_train_pairs_with_an_empty_side_are_dropped(self):
    self.text["train"][0][3] = " "
    self.text["dev"][1][3] = ""
    self.write_text()
    self.generate()
    self.assertEqual(manifest.raw_text(NAME, self.data_dir, "dev"), self.text["dev"])
    paths = tf.io.gfile.glob(os.path.join(self.data_dir, f"{NAME}-train-*"))
    self.assertEqual(sum(len(read_records(path)) for path in paths), 125)
    self.assertLen(read_records(os.path.join(self.data_dir, f"{NAME}-dev-00000-of-00001")), 16)

  def test_complete_data_are_not_regenerated(self):
    before = self.contents(self.generate())
    with mock.patch.object(text.ParallelTextProblem, "_generate") as generate:
      self.generate()
      generate.assert_not_called()
      os.remove(os.path.join(self.data_dir, f"{NAME}-train-00003-of-00010"))
      self.generate()
      generate.assert_called_once()
    self.generate()
    self.assertEqual(self.contents(self.data_dir), before)

  def test_a_vocabulary_in_data_dir_is_reused(self):
    before = self.contents(self.generate())
    vocab = self.problem.vocab_filename
    for name in set(before) - {vocab}:
      os.remove(os.path.join(self.data_dir, name))
    self.text["train"] = synthetic_text(200, 5000)
    self.write_text()
    self.generate()
    self.assertEqual(self.contents(self.data_dir)[vocab], before[vocab])

  def test_english_french(self):
    for split, sides in self.text.items():
      write(os.path.join(self.tmp_dir, STEMS[split] + ".fr"), [s + " !" for s in sides[0]])
    registry.problem("translate_enfr_multi30k").generate_data(self.data_dir, self.tmp_dir)
    _, references = manifest.raw_text("translate_enfr_multi30k", self.data_dir, "test")
    self.assertEqual(references, [s + " !" for s in self.text["test"][0]])


class AtomicityTest(ProblemsTest):
  """A datagen that fails or is killed."""

  def kill_datagen(self, module, function: str, calls: int) -> None:
    """Runs datagen in a process that is killed by SIGKILL in the given call of a function."""
    original, seen = getattr(module, function), []

    def deadly(*args, **kwargs):
      seen.append(1)
      if len(seen) == calls:
        os.kill(os.getpid(), signal.SIGKILL)
      return original(*args, **kwargs)

    with mock.patch.object(module, function, deadly):
      child = multiprocessing.get_context("fork").Process(target=self.generate)
      child.start()
      child.join()
    self.assertEqual(child.exitcode, -signal.SIGKILL)

  def test_killed_anywhere(self):
    expected = self.contents(self.generate(os.path.join(self.root, "unbroken")))
    self.enter_context(mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: "1"}))
    # While writing text, building the vocabulary, encoding, writing shards, and moving files: none yet, some, all but the
    # manifest.
    moves = len(expected) - 1
    for module, function, calls in [
      (lines, "write_pairs", 2),
      (generator_utils, "get_or_generate_vocab_inner", 1),
      (records, "encode_chunk", 2),
      (records, "write_shard", 5),
      (os, "replace", 1),
      (os, "replace", 8),
      (os, "replace", moves),
      (manifest, "write_manifest", 1),
    ]:
      with self.subTest(function=function, calls=calls):
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.kill_datagen(module, function, calls)
        self.assertFalse(manifest.is_complete(NAME, self.data_dir))
        with self.assertRaisesRegex(SystemExit, "no complete data of"):
          self.problem.filepattern(self.data_dir, "train")
        self.assertEqual(self.contents(self.generate()), expected)
        self.assertEqual(sorted(set(os.listdir(self.data_dir)) - set(expected)), [f".{NAME}.lock"])

  def test_workers_of_a_killed_datagen_exit(self):
    read_end, write_end = os.pipe()
    original = records.encode_chunk

    def slow(job, chunk):
      os.write(write_end, b"x")
      threading.Event().wait(60)
      return original(job, chunk)

    environment = mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: "2"})
    with environment, mock.patch.object(records, "encode_chunk", slow):
      # Pickled by name, and found under that name in the forked process.
      slow.__module__, slow.__qualname__ = "problems.records", "encode_chunk"
      child = multiprocessing.get_context("fork").Process(target=self.generate)
      child.start()
      os.read(read_end, 1)
      os.kill(child.pid, signal.SIGKILL)
      child.join()
    # Waits for the lock, which the workers hold while they live.
    self.generate()
    self.assertTrue(manifest.is_complete(NAME, self.data_dir))

  def test_a_worker_killed(self):
    def deadly(job, chunk):
      os.kill(os.getpid(), signal.SIGKILL)

    deadly.__module__, deadly.__qualname__ = "problems.records", "encode_chunk"
    environment = mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: "2"})
    with environment, mock.patch.object(records, "encode_chunk", deadly):
      self.assert_fails("a datagen process was killed .*T2T_LOTTERY_PROCESSES=1")

  def test_leftovers_of_other_runs_are_not_read(self):
    os.makedirs(self.data_dir)
    for name in (f"{NAME}-train-00000-of-00100", f"{NAME}-unshuffled-train-00000-of-00100"):
      write(os.path.join(self.data_dir, name), ["old"])
    self.generate()
    self.assertLen(tf.io.gfile.glob(self.problem.filepattern(self.data_dir, "train")), 10)

  def test_raw_text_changed_afterwards(self):
    self.generate()
    path = os.path.join(self.data_dir, manifest.raw_name(NAME, "dev", "source"))
    content = pathlib.Path(path).read_bytes()
    pathlib.Path(path).write_bytes(content.replace(b"man", b"cat"))
    with self.assertRaisesRegex(errors.UserError, "was changed since datagen"):
      manifest.raw_text(NAME, self.data_dir, "dev")
    pathlib.Path(path).write_bytes(content[:-5])
    self.assertFalse(manifest.is_complete(NAME, self.data_dir))

  def test_damaged_manifest(self):
    self.generate()
    for content in ("", "{}", "[]", '{"files": {"x": 3}}'):
      pathlib.Path(manifest.manifest_path(NAME, self.data_dir)).write_text(content)
      self.assertFalse(manifest.is_complete(NAME, self.data_dir))

  def test_no_data_yet(self):
    for call in (manifest.raw_text, lambda *args: manifest.vocabulary(*args[:2])):
      with self.assertRaisesRegex(errors.UserError, "run t2t-datagen"):
        call(NAME, self.data_dir, "dev")
    with self.assertRaisesRegex(SystemExit, "run t2t-datagen"):
      self.problem.feature_encoders(self.data_dir)
    with self.assertRaises(ValueError):
      manifest.raw_text(NAME, self.data_dir, "train")


class BadDataTest(ProblemsTest):
  """One line for each kind of invalid data."""

  def test_sides_of_different_length(self):
    self.text["train"][1].pop()
    self.write_text()
    self.assert_fails(r"different length: .*train\.en has 126 lines, .*train\.de has 125")

  def test_not_utf8(self):
    path = pathlib.Path(self.tmp_dir, "val.de")
    path.write_bytes(path.read_bytes().replace("5 rote Bälle".encode(), b"5 rote B\xe4lle"))
    self.assert_fails(r"val\.de, line 6: bytes that are not UTF-8")

  def test_empty_file(self):
    pathlib.Path(self.tmp_dir, "test_2016_flickr.en").write_bytes(b"")
    self.assert_fails(r"test_2016_flickr\.en is empty")

  def test_no_text_in_any_line(self):
    self.text["train"] = [" "] * 5, ["a"] * 5
    self.write_text()
    self.assert_fails("no pair of .* has text on both sides")

  def test_a_sentence_too_long_to_be_evaluated(self):
    for side, name in enumerate(("val.en", "val.de")):
      with self.subTest(name):
        saved = list(self.text["dev"][side])
        self.text["dev"][side][4] = "ab " * 3000
        self.write_text()
        self.assert_fails(rf"{name}, line 5: \d+ subwords, more than the 40\d\d that can be evaluated")
        self.text["dev"][side][:] = saved

  def test_a_folder_in_place_of_a_text(self):
    os.remove(os.path.join(self.tmp_dir, "val.en"))
    os.makedirs(os.path.join(self.tmp_dir, "val.en"))
    with self.assertRaisesRegex(errors.UserError, "val.en is a folder"):
      next(lines.read_lines(os.path.join(self.tmp_dir, "val.en")))

  def test_truncated_gzip(self):
    path = pathlib.Path(self.tmp_dir, "train.en")
    pathlib.Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes())[:-300])
    path.unlink()
    self.assert_fails(r"train\.en\.gz is truncated or damaged")

  def test_missing_and_no_download(self):
    os.remove(os.path.join(self.tmp_dir, "val.en"))
    self.assert_fails(r"cannot download .*val\.en\.gz .* put the file at .*val\.en\.gz")

  def test_not_a_vocabulary(self):
    os.makedirs(self.data_dir)
    vocab = pathlib.Path(self.data_dir, self.problem.vocab_filename)
    vocab.write_text("'the_'\n")
    with self.assertRaisesRegex(SystemExit, "is not a t2t subword vocabulary"):
      self.generate()

  def test_data_dir_is_a_file(self):
    pathlib.Path(self.data_dir).write_text("")
    with self.assertRaisesRegex(SystemExit, "cannot be written"):
      self.generate()

  def test_remote_data_dir(self):
    with self.assertRaisesRegex(SystemExit, "needs a local folder"):
      self.problem.generate_data("gs://bucket/data", self.tmp_dir)

  def test_number_of_processes(self):
    with mock.patch.dict(os.environ, {workers.PROCESSES_VARIABLE: "none"}):
      self.assert_fails("T2T_LOTTERY_PROCESSES=none")


class _Server(http.server.SimpleHTTPRequestHandler):
  """Serves a folder; breaks the connection after `break_after` bytes of a file; supports ranges."""

  break_after: int | None = None
  ranges: list[str | None] = []

  def do_GET(self):
    content = pathlib.Path(self.translate_path(self.path)).read_bytes()
    requested = self.headers.get("Range")
    self.ranges.append(requested)
    start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested else 0
    if start >= len(content):
      self.send_error(416)
      return
    self.send_response(206 if requested else 200)
    self.send_header("Content-Length", str(len(content) - start))
    self.end_headers()
    end = len(content) if self.break_after is None else start + self.break_after
    self.wfile.write(content[start:end])

  def log_message(self, *args):
    pass


class DownloadTest(ProblemsTest):
  """Multi30k from a server on loopback."""

  def setUp(self):
    super().setUp()
    self.served = os.path.join(self.root, "served")
    os.makedirs(self.served)
    self.sha256 = {}
    for split, sides in self.text.items():
      for language, sentences in zip(("en", "de"), sides):
        name = f"{STEMS[split]}.{language}"
        write(os.path.join(self.served, name + ".gz"), sentences)
        content = pathlib.Path(self.tmp_dir, name).read_bytes()
        self.sha256[name] = hashlib.sha256(content).hexdigest()
    shutil.rmtree(self.tmp_dir)
    self.handler = type("Handler", (_Server,), {"ranges": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: self.handler(*args, directory=self.served))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    self.addCleanup(server.server_close)
    self.addCleanup(server.shutdown)
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    self.enter_context(mock.patch.object(multi30k, "URL", address))
    self.enter_context(mock.patch.object(multi30k, "SHA256", self.sha256))

  def test_downloaded_once(self):
    self.generate()
    self.assertEqual(manifest.raw_text(NAME, self.data_dir, "test"), self.text["test"])
    self.assertLen(self.handler.ranges, 6)
    shutil.rmtree(self.data_dir)
    self.generate()
    self.assertLen(self.handler.ranges, 6)

  def test_wrong_checksum(self):
    write(os.path.join(self.served, "val.de.gz"), ["another text"])
    self.assert_fails(r"wrong checksum: the text in http://.*val\.de\.gz")
    self.assertNotIn("val.de.gz", os.listdir(os.path.join(self.tmp_dir, "multi30k")))
    self.assertNotIn("val.de.gz.incomplete", os.listdir(os.path.join(self.tmp_dir, "multi30k")))

  def test_broken_download_resumes(self):
    self.handler.break_after = 100
    self.assert_fails(r"cannot download .*train\.en\.gz \(the connection broke after 100 of")
    kept = self.visible(os.path.join(self.tmp_dir, "multi30k"))
    self.assertEqual(kept, ["train.en.gz.incomplete"])
    self.handler.break_after = None
    self.handler.ranges.clear()
    self.generate()
    self.assertEqual(self.handler.ranges[0], "bytes=100-")
    self.assertEqual(manifest.raw_text(NAME, self.data_dir, "dev"), self.text["dev"])

  def test_complete_download_that_was_not_renamed(self):
    path = os.path.join(self.root, "there")
    shutil.copy(os.path.join(self.served, "val.en.gz"), path + ".incomplete")
    download.fetch(multi30k.URL + "val.en.gz", path, lambda partial: None)
    self.assertTrue(os.path.exists(path))

  def test_not_found(self):
    os.remove(os.path.join(self.served, "val.en.gz"))
    self.handler.do_GET = lambda handler: handler.send_error(404)
    self.assert_fails("cannot download .*Not Found|cannot download")


class KnownTest(tf.test.TestCase):
  def test_reproduce_knows_every_problem_and_its_vocabulary_size(self):
    translations = {
      name: registry.problem(name) for name in registry.list_problems() if name.startswith("translate_en")
    }
    ours = {name: one for name, one in translations.items() if type(one).__module__.startswith("problems.")}
    self.assertEqual(validation.PROBLEMS, {name: one.approx_vocab_size for name, one in ours.items()})


class CommandsTest(ProblemsTest):
  """Stock t2t with --t2t_usr_dir."""

  def datagen(self, data_dir: str, tmp_dir: str) -> subprocess.Popen:
    return subprocess.Popen(
      [
        os.path.join(os.path.dirname(sys.executable), "t2t-datagen"),
        f"--t2t_usr_dir={REPOSITORY / 'usr_dir'}",
        f"--problem={NAME}",
        f"--data_dir={data_dir}",
        f"--tmp_dir={tmp_dir}",
      ],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
    )

  @pytest.mark.slow
  def test_t2t_datagen(self):
    bad_tmp_dir = shutil.copytree(self.tmp_dir, os.path.join(self.root, "bad_tmp"))
    write(os.path.join(bad_tmp_dir, "train.de"), self.text["train"][1][:-1])
    bad_data_dir = os.path.join(self.root, "bad_data")
    good = self.datagen(self.data_dir, self.tmp_dir)
    bad = self.datagen(bad_data_dir, bad_tmp_dir)
    stderr = {process: process.communicate()[1] for process in (good, bad)}
    self.assertEqual(good.returncode, 0, stderr[good])
    self.assertEqual(manifest.raw_text(NAME, self.data_dir, "dev"), self.text["dev"])
    self.assertEqual(bad.returncode, 1)
    self.assertStartsWith(stderr[bad].splitlines()[-1], "t2t-lottery: sides of different length")
    self.assertNotIn("Traceback", stderr[bad])
    self.assertFalse(manifest.is_complete(NAME, bad_data_dir))

  @flagsaver.flagsaver
  def test_t2t_trainer_generate_data(self):
    t2t_trainer.FLAGS([
        "t2t-trainer", f"--problem={NAME}", f"--data_dir={self.data_dir}",
        f"--tmp_dir={self.tmp_dir}",
    ])  # fmt: skip
    t2t_trainer.generate_data()
    self.assertTrue(manifest.is_complete(NAME, self.data_dir))

  def test_raw_text_needs_the_standard_library_only(self):
    command = (
      "import sys; known = set(sys.modules); from t2t_lottery.data import manifest;"
      "files = [getattr(sys.modules[m], '__file__', '') for m in set(sys.modules) - known];"
      "print(*(f for f in files if f and 'site-packages' in f))"
    )
    found = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    self.assertEqual(found.stdout.split(), [])


class RealTextTest(ProblemsTest):
  """The real Multi30k; part of its training set, for speed."""

  def setUp(self):
    super().setUp()
    if not REAL_TEXT.is_dir():
      self.skipTest("Multi30k's text is not next to the checkout")

  def test_checksums(self):
    for name, sha256 in multi30k.SHA256.items():
      self.assertEqual(manifest.file_info(str(REAL_TEXT / name)).sha256, sha256, name)

  def test_real_lines(self):
    for split, stem in STEMS.items():
      for side, language in enumerate(("en", "de")):
        sentences = (REAL_TEXT / f"{stem}.{language}").read_text("utf-8").split("\n")[:-1]
        # Line 7366 of train.de contains a tab.
        sentences = sentences[7300:7500] if split == "train" else sentences
        self.text[split][side][:] = sentences
    self.write_text()
    self.generate()
    self.assertLen(self.text["dev"][0], 1014)
    self.assertLen(self.text["test"][0], 1000)
    for split in manifest.RAW_SPLITS:
      self.assertEqual(manifest.raw_text(NAME, self.data_dir, split), self.text[split])
    tabbed = next(sentence for sentence in self.text["train"][1] if "\t" in sentence)
    encoder = self.problem.feature_encoders(self.data_dir)["targets"]
    decoded = [
      encoder.decode(ids(example, "targets")[:-1])
      for path in tf.io.gfile.glob(os.path.join(self.data_dir, f"{NAME}-train-*"))
      for example in read_records(path)
    ]
    self.assertIn(tabbed, decoded)
    self.assertLen(decoded, 200)


if __name__ == "__main__":
  tf.test.main()
