"""Each export format and its import: same bits, same translations."""

import contextlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from unittest import mock

import numpy as np
import pytest
import safetensors.numpy
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery import translate
from t2t_lottery.checkpoints import sparse_file, tensor_bundle, tf_checkpoint
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.inference import transformer_weights, translator
from t2t_lottery.inference.sparse import network
from t2t_lottery.pruning import layers
from t2t_lottery.runs import model_source, paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.inference.translator_test import t2t_translations
from tests.support import small_model

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Calls a SavedModel like a user: with TensorFlow 2, without t2t. Reads lines of ids; prints the output for each line by
# either signature, then for all lines as one batch. Run with `-S`: on TensorFlow 2.16 and later, a `.pth` file of the
# environment imports this project at each start of Python.
CALL_SAVED_MODEL = """
import sys
sys.path.append(sys.argv[2])
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
lines = [[int(text) for text in line.split()] for line in sys.stdin]
for ids in lines:
  feature = tf.train.Feature(int64_list=tf.train.Int64List(value=ids))
  example = tf.train.Example(features=tf.train.Features(feature={"inputs": feature})).SerializeToString()
  one, other = signatures["ids"](inputs=tf.constant([ids])), signatures["serving_default"](input=tf.constant([example]))
  assert one["scores"].shape == [1] and one["scores"][0] == other["scores"][0]
  print(*one["outputs"].numpy()[0])
  print(*other["outputs"].numpy()[0])
for ids in signatures["ids"](inputs=tf.ragged.constant(lines).to_tensor())["outputs"].numpy():
  print(*ids)
assert not [name for name in sys.modules if name.startswith(("t2t", "tensor2tensor"))]
"""


# Allows only imports of packages that `pip install ctranslate2 numpy` installs, including dependencies.
BARE = """
import importlib.machinery, sys
class Bare:
  allowed = {"ctranslate2", "numpy", "yaml", "_yaml", "setuptools", "pkg_resources", "_distutils_hack"}
  def find_spec(self, name, path=None, target=None):
    if path is None and name not in self.allowed:
      found = importlib.machinery.PathFinder.find_spec(name)
      if found and "site-packages" in str(found.origin):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Bare())
"""


def run(*command, text=None):
  """Runs a process that must succeed; returns its output."""
  done = subprocess.run(
    [sys.executable, *command], cwd=ROOT, input=text, capture_output=True, text=True, check=False, encoding="utf-8"
  )
  if done.returncode:
    raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}")
  return done.stdout


def export(checkpoint, to, out, *flags):
  return run("-m", "t2t_lottery.export", f"--checkpoint={checkpoint}", f"--to={to}", f"--out={out}", *flags)


@pytest.mark.slow
class ExportTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    cls.model = small_model.SmallModel(folder)
    cls.hparams = paths.hparams(cls.model.folder)
    cls.vocabulary = manifest.vocabulary(small_model.PROBLEM, cls.model.data_dir)
    cls.translator = translator.Translator(cls.model.checkpoint, atomic_files.read_json(cls.hparams), cls.vocabulary)

  def setUp(self):
    super().setUp()
    self.out = os.path.join(self.create_tempdir().full_path, "out")

  def t2t_ids(self, sentences, beam_size):
    where = (self.model.checkpoint, self.hparams, small_model.PROBLEM, self.model.data_dir)
    return t2t_translations(*where, sentences, beam_size)

  def assert_model(self, variables):
    self.assertCountEqual(variables, [*self.model.variables, "global_step"])
    self.assertEqual((variables["global_step"], variables["global_step"].dtype), (small_model.STEP, np.int64))
    for name, value in self.model.variables.items():
      self.assertEqual(variables[name].tobytes(), value.tobytes(), name)

  def test_ctranslate2_translates_as_t2t(self):
    export(self.model.folder, "ctranslate2", self.out)
    loaded = translator.Translator.load(self.out)
    greedy = loaded.search(self.model.sentences, beam_size=1)
    self.assertEqual(greedy, self.t2t_ids(self.model.sentences, beam_size=1))
    # Translations are distinct, and only some of them end.
    self.assertLen({tuple(ids) for ids in greedy}, len(greedy))
    self.assertBetween(sum(ids[-1] == subword_vocabulary.EOS for ids in greedy), 3, len(greedy) - 1)
    self.assertEqual(loaded.translate(self.model.sentences), self.translator.translate(self.model.sentences))

  def test_safetensors_has_weights_and_masks_under_their_names(self):
    small = os.path.join(self.create_tempdir().full_path, "model.sparse")
    export(self.model.folder, "safetensors", self.out)
    export(self.model.folder, "sparse", small)
    export(small, "safetensors", f"{self.out}.2")
    checkpoint = tf_checkpoint.Checkpoint(self.model.checkpoint)
    self.assertNotEmpty(checkpoint.layers)
    for path in (self.out, f"{self.out}.2"):
      found = safetensors.numpy.load_file(path)
      masks = {name: found.pop(layers.mask_name(name)) for name in checkpoint.layers}
      self.assert_model(found)
      for name, mask in masks.items():
        self.assertEqual(mask.dtype, bool)
        self.assertAllEqual(mask, checkpoint.mask(name), name)
      with safetensors.safe_open(path, framework="np") as file:
        about = file.metadata()
      self.assertEqual(json.loads(about["hparams"]), atomic_files.read_json(self.hparams))
      self.assertEqual(about["problem"], small_model.PROBLEM)
      with open(self.vocabulary, encoding="utf-8", newline="\n") as file:
        self.assertEqual(about["vocabulary"], file.read())

  def test_pytorch_computes_the_same_scores(self):
    if not importlib.util.find_spec("torch"):
      self.skipTest("not installed: torch")
    rng = np.random.default_rng(1)
    sources, targets = (
      [[*rng.integers(2, 60, length).tolist(), subword_vocabulary.EOS] for length in lengths]
      for lengths in ((1, 9, 30, 14), (12, 1, 25, 8))
    )
    # Half of the subwords are padding. Of the first sentence nothing is left, so its scores depend on the batch's length.
    variables = dict(self.model.variables)
    (name,) = [name for name in variables if "/shared/weights_0" in name]
    variables[name] = np.where((np.arange(len(variables[name])) % 2)[:, None], 0, variables[name]).astype(np.float32)
    sources[0] = [3, subword_vocabulary.EOS]
    small = os.path.join(self.create_tempdir().full_path, "model.sparse")
    sparse_file.write(small, variables, {"hparams": atomic_files.read_json(self.hparams)})
    export(small, "safetensors", self.out)
    transformer = transformer_weights.read(small, atomic_files.read_json(self.hparams), len(variables[name]))
    expected = network.log_probs(network.pack(transformer), sources, targets)
    path = os.path.join(ROOT, "docs", "examples", "torch_transformer.py")
    script = f"import sys; sys.path.insert(0, {os.path.dirname(path)!r}); import json, torch, torch_transformer as t\n"
    script += """
model, (sources, targets) = t.load(sys.argv[1]), json.load(sys.stdin)
pad = lambda lists: torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in lists], batch_first=True)
def scores(sources, targets):
  with torch.no_grad():
    found = model(pad(sources), pad(targets)).gather(-1, pad(targets)[..., None])[..., 0]
  return [one[: len(ids)].tolist() for one, ids in zip(found, targets)]
print(json.dumps(scores(sources[:1], targets[:1]) + scores(sources[1:], targets[1:])))
"""
    found = json.loads(run("-c", script, self.out, text=json.dumps([sources, targets])))
    for ours, theirs in zip(found, expected):
      self.assertAllClose(ours, theirs, rtol=0, atol=1e-5)

  def test_script_of_the_page_translates(self):
    export(self.model.folder, "ctranslate2", self.out)
    with open(os.path.join(ROOT, "docs", "export.md"), encoding="utf-8") as file:
      blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    (script,) = [block for block in blocks if "Translator.load" in block]
    self.assertLessEqual(len(script.splitlines()), 10)
    found = run("-c", BARE + script, self.out, text="".join(sentence + "\n" for sentence in self.model.sentences))
    self.assertEqual(found.split("\n")[:-1], self.translator.translate(self.model.sentences))

  def test_the_command_translates_its_input(self):
    export(self.model.folder, "ctranslate2", self.out)
    expected = "".join(line + "\n" for line in self.translator.translate(self.model.sentences))
    text = "\n".join(self.model.sentences).encode()

    def translated(text, *flags):
      """The command's stdout, exit status and stderr."""
      streams = [io.TextIOWrapper(io.BytesIO(given), "ascii") for given in (text, b"", b"")]
      with contextlib.ExitStack() as stack:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams):
          stack.enter_context(mock.patch.object(sys, name, stream))
        status = 0
        try:
          translate.main(flags)
        except SystemExit as end:
          # For a string, Python prints it and exits with status 1.
          status = end.code if isinstance(end.code, int) else 1
          print(end.code if status == 1 else "", file=streams[2], end="")
        for stream in streams[1:]:
          stream.flush()
      return streams[1].buffer.getvalue().decode(), status, streams[2].buffer.getvalue().decode()

    # Input and output are UTF-8 in any locale.
    done = subprocess.run(
      [sys.executable, "-m", "t2t_lottery.translate", self.out],
      cwd=ROOT,
      input=text,
      capture_output=True,
      check=True,
      env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    )
    self.assertEqual((done.stdout.decode(), done.stderr), (expected, b""))
    for given in (text, text + b"\n", "\ufeff".encode() + text, text.replace(b"\n", b"\r\n")):
      self.assertEqual(translated(given, self.out), (expected, 0, ""))
    self.assertEqual(translated(b"", self.out), ("", 0, ""))
    greedy, _, _ = translated(text, self.out, "--beam_size=1")
    self.assertEqual(greedy.split("\n")[:-1], self.translator.translate(self.model.sentences, beam_size=1))
    for given, flags, status, message in (
      (b"a\nb\xe4\n", [self.out], 1, "line 2 of the input is not UTF-8"),
      (b"a\n" * 5 + b"a " * 5000, [self.out], 1, "sentence 6 has .* subwords"),
      (b"a\n", [self.model.folder], 1, "is not an exported model: run .*export"),
      (b"a\n", [], 2, "model"),
      (b"a\n", [self.out, "--engine=sparse"], 1, "is a model of CTranslate2: .*--to=sparse"),
      (b"a\n", [self.out, "--beam_size=0"], 2, "--beam_size"),
      (b"a\n", [self.out, f"--beam_size={len(self.translator.subwords)}"], 1, "beam size .* of the vocabulary"),
      (b"a\n", [self.out, "--alpha=nan"], 2, "--alpha"),
      (b"a\n", [self.out, "--threads=100000"], 2, "--threads: 100000 is more than 1024"),
      (b"a\n", [self.out, "--alpha=-1"], 2, "--alpha"),
    ):
      with mock.patch.object(translate, "_CHUNK_LINES", 2):
        _, returned, stderr = translated(given, *flags)
      self.assertEqual(returned, status, stderr)
      self.assertRegex(stderr, rf"^t2t-lottery: .*{message}.*$")

  def test_a_closed_stream_is_one_line(self):
    """As by `translate MODEL <&-` or `>&-`, where Python sets the stream to None."""
    export(self.model.folder, "ctranslate2", self.out)
    for name in ("stdin", "stdout"):
      with mock.patch.object(sys, name, None), self.assertRaisesRegex(SystemExit, f"{name} is closed"):
        translate.main([self.out])

  def test_loss_ignores_whitespace_that_records_strip(self):
    sources, references = self.model.sentences[:8], self.model.sentences[8:]
    expected = self.translator.loss(sources, references)
    for before, after in (("", "\r"), ("  ", " \t"), ("\u3000", "\x0b")):
      around = [[before + text + after for text in texts] for texts in (sources, references)]
      self.assertEqual(self.translator.loss(*around), expected)
    marked = [["\ufeff" + texts[0], *texts[1:]] for texts in (sources, references)]
    self.assertEqual(self.translator.loss(*marked), expected)
    self.assertEqual(self.translator.search(marked[0]), self.translator.search(sources))

  def test_references_longer_than_the_position_table_are_an_error(self):
    word = next(word for word in ("ist", "in", "a", "b") if len(self.translator.subwords.encode(word)) == 1)
    longest = " ".join([word] * (subword_vocabulary.MAX_LENGTH - 1))
    self.assertTrue(np.isfinite(self.translator.loss(["a"], [longest])))
    with self.assertRaisesRegex(UserError, "reference 2 has 4097 subwords; at most 4096"):
      self.translator.loss(["a", "b"], ["a", f"{longest} {word}"])

  @pytest.mark.slow
  def test_t2t_is_read_by_stock_t2t_decoder(self):
    export(self.model.folder, "t2t", self.out)
    self.assert_model(tensor_bundle.read(paths.checkpoint(self.out, small_model.STEP)))
    sentences = self.model.sentences[:4]
    source, target = (os.path.join(self.create_tempdir().full_path, name) for name in ("source", "target"))
    atomic_files.write_text(source, "".join(sentence + "\n" for sentence in sentences))
    run(
      "-m",
      "tensor2tensor.bin.t2t_decoder",
      "--t2t_usr_dir=usr_dir",
      "--model=transformer",
      "--hparams_set=transformer_base_v3",
      f"--problem={small_model.PROBLEM}",
      f"--data_dir={self.model.data_dir}",
      f"--output_dir={self.out}",
      f"--decode_from_file={source}",
      f"--decode_to_file={target}",
      f"--decode_hparams=beam_size=1,batch_size=1,extra_length={subword_vocabulary.EXTRA_LENGTH}",
      "--worker_gpu=0",
    )
    self.assertEqual(atomic_files.read_lines(target), self.translator.translate(sentences, beam_size=1))

  @pytest.mark.slow
  def test_saved_model_equals_t2ts_search(self):
    export(self.model.folder, "saved_model", self.out)
    (vocabulary,) = os.listdir(os.path.join(self.out, "assets"))
    encoder = subword_vocabulary.Subwords(os.path.join(self.out, "assets", vocabulary))
    sentences = self.model.sentences[:4]
    sources = [[*encoder.encode(sentence), subword_vocabulary.EOS] for sentence in sentences]
    text = "".join(" ".join(map(str, ids)) + "\n" for ids in sources)
    lines = run("-S", "-c", CALL_SAVED_MODEL, self.out, sysconfig.get_path("purelib"), text=text)
    found = [[int(text) for text in line.split()] for line in lines.splitlines()]
    # The end is followed by padding.
    found = [ids[: ids.index(subword_vocabulary.EOS) + 1] if subword_vocabulary.EOS in ids else ids for ids in found]
    expected = self.t2t_ids(sentences, beam_size=4)
    self.assertEqual((found[:8:2], found[1:8:2], found[8:]), (expected, expected, expected))

  def test_sparse_round_trip_is_bit_exact(self):
    back, direct, through = (os.path.join(os.path.dirname(self.out), name) for name in ("back", "direct", "through"))
    printed = export(self.model.folder, "sparse", self.out)
    self.assertEqual(printed, f"{self.model.checkpoint} -> {self.out}\n")
    self.assert_model(sparse_file.read(self.out))
    self.assertLess(os.path.getsize(self.out), 0.5 * sum(value.nbytes for value in self.model.variables.values()))
    export(self.out, "t2t", back)
    self.assert_model(tensor_bundle.read(paths.checkpoint(back, small_model.STEP)))
    self.assertEqual(atomic_files.read_json(paths.hparams(back)), atomic_files.read_json(self.hparams))
    # The file contains its hparams, problem and vocabulary, so it can be exported where the data is not.
    about = sparse_file.about(self.out)
    os.remove(self.out)
    sparse_file.write(
      self.out, self.model.variables, {**about, "hparams": {**about["hparams"], "data_dir": "/nowhere"}}
    )
    export(self.model.folder, "ctranslate2", direct)
    export(self.out, "ctranslate2", through)
    for name in os.listdir(direct):
      with open(os.path.join(direct, name), "rb") as one, open(os.path.join(through, name), "rb") as other:
        self.assertEqual(one.read(), other.read(), name)

  def test_a_sparse_file_is_translated_with(self):
    export(self.model.folder, "sparse", self.out)
    text = "\n".join(self.model.sentences)
    exact = translator.Translator(
      self.model.checkpoint,
      atomic_files.read_json(self.hparams),
      manifest.vocabulary(small_model.PROBLEM, self.model.data_dir),
      translator.SPARSE,
    )
    expected = exact.translate_with_scores(self.model.sentences)
    for loaded, *flags in (
      (exact,),
      (exact, "--engine=sparse", "--threads=1", "--batch_size=3"),
      (self.translator, "--engine=ctranslate2"),
    ):
      lines = "".join(f"{line}\n" for line in loaded.translate(self.model.sentences))
      self.assertEqual(run("-m", "t2t_lottery.translate", self.out, *flags, text=text), lines, flags)
    with_scores = run("-m", "t2t_lottery.translate", self.out, "--scores", text=text).splitlines()
    self.assertLen(with_scores, len(expected))
    for line, translation in zip(with_scores, expected):
      score, _, found = line.partition("\t")
      self.assertEqual(found, translation.text)
      self.assertNear(float(score), translation.score, 1e-4)

  def test_a_sparse_file_that_cannot_be_translated_with_is_an_error(self):
    vocabulary = "'<pad>_'\n'<EOS>_'\n'a_'\n"
    hparams = atomic_files.read_json(self.hparams)
    for about, message in (
      ({}, "contains no vocabulary: export .* again"),
      ({"vocabulary": vocabulary}, "contains no vocabulary"),
      ({"vocabulary": 7, "hparams": hparams}, "contains no vocabulary"),
      ({"vocabulary": "x", "hparams": hparams}, "is not a subword vocabulary"),
      ({"vocabulary": vocabulary, "hparams": {}}, "hparams of .* do not contain hidden_size"),
      ({"vocabulary": vocabulary, "hparams": hparams}, r"need \[3, "),
    ):
      sparse_file.write(self.out, self.model.variables, about)
      with self.assertRaisesRegex(UserError, message):
        translator.Translator.load(self.out)

  def test_a_folder_means_its_best_checkpoint_or_else_its_newest(self):
    folder = self.create_tempdir().full_path
    for step in (10, 20, 100):
      atomic_files.write_text(f"{paths.checkpoint(folder, step)}.index", "")
    self.assertEqual(model_source.find(folder), paths.checkpoint(folder, 100))
    atomic_files.write_json(paths.result(folder), {"best_step": 20})
    self.assertEqual(model_source.find(folder), paths.checkpoint(folder, 20))
    atomic_files.write_text(f"{paths.kept(folder, 20)}.index", "")
    self.assertEqual(model_source.find(folder), paths.kept(folder, 20))

  def test_hparams_and_problem_of_a_kept_checkpoint(self):
    found = model_source.about(paths.kept(self.model.folder, 0))
    self.assertEqual(found, {"hparams": atomic_files.read_json(self.hparams), "problem": small_model.PROBLEM})
    self.assertEqual(model_source.about("/no/such/checkpoint"), {})

  def test_errors(self):
    there, foreign = self.create_tempdir().full_path, os.path.join(self.create_tempdir().full_path, "foreign")
    atomic_files.write_text(foreign, "no model")
    sparse_file.write(self.out, {"a": np.float32([1])})
    alone = os.path.join(self.create_tempdir().full_path, "alone.sparse")
    sparse_file.write(alone, self.model.variables)
    hparams = atomic_files.read_json(self.hparams)
    wrong = []
    for about in ({"hparams": {**hparams, "data_dir": 5}}, {"hparams": []}, {"hparams": {**hparams, "gelu": "erf"}}):
      wrong.append(os.path.join(self.create_tempdir().full_path, "wrong.sparse"))
      sparse_file.write(wrong[-1], self.model.variables, about)
    new = self.out + ".new"
    for arguments, message in (
      ((self.model.folder, "sparse", self.out), f"{self.out} already exists"),
      ((self.model.folder, "ctranslate2", there), f"{there} already exists"),
      ((there, "sparse", new), "holds no checkpoint"),
      ((foreign, "sparse", new), "foreign is not a sparse file"),
      ((self.model.checkpoint + "1", "sparse", new), "no checkpoint .*: cannot read"),
      ((self.out, "sparse", new), "holds no layer of a Transformer"),
      ((wrong[0], "sparse", new), "is damaged .hparams.data_dir is not a string or null.: export the run again"),
      ((wrong[1], "safetensors", new), "is damaged .hparams is not an object.: export the run again"),
      ((wrong[2], "sparse", new), "is of lottery_bert: only models for translation can be exported"),
      (("", "sparse", new), "the path of the checkpoint is empty"),
      ((alone, "ctranslate2", new), "does not name its vocabulary: give --problem and --data_dir"),
      ((self.model.folder, "ctranslate2", new, "--data_dir=/nowhere"), "no complete data of .* in /nowhere"),
      ((self.model.folder, "sparse", os.path.join(foreign, "file")), "cannot write .*foreign/file: "),
    ):
      flags = [f"--{name}={value}" for name, value in zip(("checkpoint", "to", "out"), arguments)]
      command = [sys.executable, "-m", "t2t_lottery.export", *flags, *arguments[3:]]
      done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
      self.assertEqual(done.returncode, 1, done.stderr)
      self.assertRegex(done.stderr, f"^t2t-lottery: .*{message}.*\n$")
      self.assertFalse(os.path.exists(new))
    self.assertEqual(os.listdir(there), [])

  def test_a_folder_without_a_ctranslate2_model_is_an_error(self):
    with self.assertRaisesRegex(UserError, "is not an exported model: run .*export .*--to=sparse"):
      translator.Translator.load(self.model.folder)
    export(self.model.folder, "ctranslate2", self.out)
    os.remove(os.path.join(self.out, "model.bin"))
    with self.assertRaisesRegex(UserError, f"cannot translate with {self.out}: "):
      translator.Translator.load(self.out)

  def test_the_vocabulary_is_from_the_runs_data(self):
    ours = manifest.fingerprint(small_model.PROBLEM, self.model.data_dir)
    path = paths.description(self.model.folder)
    self.addCleanup(atomic_files.write_json, path, atomic_files.read_json(path))

    def exported(**about):
      atomic_files.write_json(path, about)
      code = (
        "import sys; from t2t_lottery.utils import errors; from t2t_lottery import export\n"
        "with errors.one_line(): print(export.Model(sys.argv[1]).data[0])"
      )
      return subprocess.run(
        [sys.executable, "-c", code, self.model.checkpoint], cwd=ROOT, capture_output=True, text=True, check=False
      )

    self.assertEqual(exported(problem=small_model.PROBLEM, data=ours).stdout, f"{small_model.PROBLEM}\n")
    for about, message in (
      (
        {"problem": small_model.PROBLEM, "data": "another"},
        f"data another, but {self.model.data_dir} contains data {ours}",
      ),
      ({"problem": "../../elsewhere"}, "run.json does not describe a run"),
    ):
      self.assertIn(message, exported(**about).stderr)

  def test_command_does_not_import_tensorflow(self):
    code = "import sys, t2t_lottery.export; sys.exit('tensorflow' in sys.modules)"
    run("-c", code)


if __name__ == "__main__":
  tf.test.main()
