"""Translation compared with t2t's own: same text, dense or pruned, with or without embedding shards."""

import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import metrics, registry, trainer_lib

import usr_dir  # noqa: F401
from problems.grammar import corpus
from t2t_lottery.checkpoints import sparse_file, tensor_bundle, tf_checkpoint
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.evaluation import metrics as evaluation_metrics
from t2t_lottery.inference import transformer_weights, translator
from t2t_lottery.pruning import layers
from t2t_lottery.runs import model_source, paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import small_model, trained

SENTENCES = 200
SHARDS = 12
# A model with its vocabulary, trained by run_scripts/quickstart.sh.
TICKET98 = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ticket98")


def t2t_translations(checkpoint, hparams, problem, data_dir, sentences, beam_size):
  """The translations of t2t itself as ids, with the same maximum length.

  t2t's maximum is the longest source of a batch + decode_length, so each batch has sentences of one length.

  Args:
    checkpoint: prefix of the checkpoint.
    hparams: path of the run's hparams.json.
    problem: name of the problem, registered.
    data_dir: folder of its vocabulary.
    sentences: raw text.
    beam_size: 1 for greedy search.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    hp = trainer_lib.create_hparams(
      "transformer_base_v3", data_dir=data_dir, problem_name=problem, hparams_path=hparams
    )
    encoder = hp.problem_hparams.vocabulary["inputs"]
    model = registry.model("transformer")(hp, tf.estimator.ModeKeys.PREDICT)
    inputs = tf.placeholder(tf.int32, [None, None, 1, 1])
    features = {
      "inputs": inputs,
      "target_space_id": tf.constant(hp.problem_hparams.target_space_id),
    }
    outputs = model.infer(
      features, beam_size=beam_size, top_beams=1, alpha=0.6, decode_length=subword_vocabulary.EXTRA_LENGTH
    )["outputs"]
    tf.train.Saver().restore(session, checkpoint)
    batches = defaultdict(list)
    for i, sentence in enumerate(sentences):
      ids = encoder.encode(sentence.strip()) + [subword_vocabulary.EOS]
      batches[len(ids)].append((i, ids))
    translations = {}
    for batch in batches.values():
      found = session.run(outputs, {inputs: np.array([ids for _, ids in batch])[:, :, None, None]})
      for (i, _), ids in zip(batch, found.reshape(len(batch), -1).tolist()):
        translations[i] = ids[: ids.index(subword_vocabulary.EOS) + 1] if subword_vocabulary.EOS in ids else ids
    return [translations[i] for i in range(len(sentences))]


def t2t_loss(checkpoint, hparams, problem, data_dir, pairs):
  """t2t's own evaluation loss over all (sentence, reference) pairs: the negative of its metric `neg_log_perplexity`."""
  with tf.Graph().as_default(), tf.Session() as session:
    hp = trainer_lib.create_hparams(
      "transformer_base_v3", data_dir=data_dir, problem_name=problem, hparams_path=hparams
    )
    vocabulary = hp.problem_hparams.vocabulary
    model = registry.model("transformer")(hp, tf.estimator.ModeKeys.EVAL)
    inputs, targets = (tf.placeholder(tf.int32, [1, None, 1, 1]) for _ in range(2))
    logits, _ = model({"inputs": inputs, "targets": targets, "target_space_id": tf.constant(0)})
    # The score of each subword, and its weight.
    scores, weights = metrics.padded_neg_log_perplexity(logits, targets)
    sums = tf.reduce_sum(scores), tf.reduce_sum(weights)
    tf.train.Saver().restore(session, checkpoint)
    total = subword_count = 0.0
    for pair in pairs:
      fed = {
        placeholder: np.reshape(vocabulary[side].encode(text) + [subword_vocabulary.EOS], [1, -1, 1, 1])
        for placeholder, side, text in zip((inputs, targets), ("inputs", "targets"), pair)
      }
      score, weight = session.run(sums, fed)
      total += score
      subword_count += weight
    return -total / subword_count


def rank(loaded, sentence, ids, alpha=0.6):
  """t2t's sort key for the translations of a sentence (the end of `beam_search.beam_search`)."""
  ((model, _, tokens),) = loaded.engine._divided(loaded.encode([sentence]))
  ended = ids[-1] == subword_vocabulary.EOS
  target = [str(number) for number in (ids[:-1] if ended else ids)]
  (scored,) = model.score_batch(tokens, [target], max_input_length=0)
  log_probability = sum(scored.log_probs[: len(ids)])
  return ended, log_probability / ((5 + len(ids)) / 6) ** alpha if ended else log_probability


def assert_agree(test, checkpoint, hparams, vocabulary, problem, data_dir, sentences):
  """Asserts the same translations as t2t: all by the sparse engine, and by greedy search; by CTranslate2's beam search, unless
  t2t finds a better one (see the docstring of `ctranslate2_engine`).

  Returns:
    A translator for each engine.
  """
  loaded = {
    engine: translator.Translator(checkpoint, atomic_files.read_json(hparams), vocabulary, engine)
    for engine in translator.ENGINES
  }
  for beam_size in (1, 4):
    theirs = t2t_translations(checkpoint, hparams, problem, data_dir, sentences, beam_size)
    test.assertEqual(loaded[translator.SPARSE].search(sentences, beam_size), theirs)
    for sentence, expected, found in zip(
      sentences, theirs, loaded[translator.CTRANSLATE2].search(sentences, beam_size)
    ):
      if beam_size == 1:
        test.assertEqual(found, expected, sentence)
      elif found != expected:
        better = rank(loaded[translator.CTRANSLATE2], sentence, expected)
        test.assertGreater(better, rank(loaded[translator.CTRANSLATE2], sentence, found), sentence)
  return loaded.values()


def in_shards(checkpoint, hparams, shards, folder):
  """The same model with its embedding in shards; returns prefix and hparams.json."""
  variables = tensor_bundle.read(checkpoint, tensor_bundle.is_model_variable)
  (name,) = [name for name in variables if name.endswith("/shared/weights_0")]
  # As `modalities.get_weights` does: the first shards are one row longer.
  for i, shard in enumerate(np.array_split(variables.pop(name), shards)):
    variables[f"{name[:-1]}{i}"] = shard
  prefix = os.path.join(folder, "sharded", "model.ckpt-1")
  tf_checkpoint.write(prefix, variables)
  path = os.path.join(folder, "hparams.json")
  atomic_files.write_json(path, {**atomic_files.read_json(hparams), "symbol_modality_num_shards": shards})
  return prefix, path


class TranslateTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("slt-90")
    cls.sentences = manifest.raw_text(trained.PROBLEM, cls.runs.data_dir, "dev")[0][:SENTENCES]
    cls.checkpoint = cls.runs.last("dense")
    cls.hparams = paths.hparams(cls.runs.runs.folder("dense"))
    cls.vocabulary = manifest.vocabulary(trained.PROBLEM, cls.runs.data_dir)

  def loaded(self, engine=translator.CTRANSLATE2, **changed):
    hparams = {**atomic_files.read_json(self.hparams), **changed}
    return translator.Translator(self.checkpoint, hparams, self.vocabulary, engine)

  @parameterized.parameters(("dense", 1), ("dense", SHARDS), (f"slt-{trained.LEVELS[-1]}", 1))
  def test_agrees_with_t2t(self, run, shards):
    checkpoint, hparams = self.runs.last(run), paths.hparams(self.runs.runs.folder(run))
    if shards > 1:
      checkpoint, hparams = in_shards(checkpoint, hparams, shards, self.get_temp_dir())
    where = self.vocabulary, trained.PROBLEM, self.runs.data_dir
    assert_agree(self, checkpoint, hparams, *where, self.sentences)

  def test_loss_equals_that_of_t2t(self):
    references = manifest.raw_text(trained.PROBLEM, self.runs.data_dir, "dev")[1][:SENTENCES]
    pairs = list(zip(self.sentences, references))
    expected = t2t_loss(self.checkpoint, self.hparams, trained.PROBLEM, self.runs.data_dir, pairs)
    self.assertNear(self.loaded().loss(self.sentences, references), expected, 1e-4)
    self.assertNear(self.loaded(translator.SPARSE).loss(self.sentences, references), expected, 1e-5)

  def test_imports_no_tensorflow(self):
    code = "import sys, t2t_lottery.translate; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=trained.ROOT, check=True)

  def test_byte_order_mark_is_removed_from_the_first_line_only(self):
    """t2t's readers remove it at the start of a file; long text is translated in chunks."""
    loaded = self.loaded()
    plain = loaded.encode(["a b"])[0]
    self.assertEqual(loaded.encode(["\ufeffa b"]), [plain])
    for lines, first in ((["a b", "\ufeffa b"], 1), (["\ufeffa b"], 1025)):
      found = loaded.encode(lines, first)[-1]
      self.assertNotEqual(found, plain)
      self.assertEqual(loaded.subwords.decode(found[:-1]), "\ufeffa b")

  @parameterized.parameters(*translator.ENGINES)
  def test_unusual_sentences_give_one_line_each(self, engine):
    odd = ["", " ", "a\nb", "\u2028", "😀 \\ _ \\u; 12", "word " * 300, self.sentences[0]]
    loaded = self.loaded(engine)
    lines = loaded.translate(odd)
    self.assertLen(lines, len(odd))
    self.assertNotIn("\n", "".join(lines))
    "".join(lines).encode("utf-8")
    self.assertEqual(lines[-1], loaded.translate(odd[-1:])[0])
    self.assertEqual(loaded.translate([]), [])

  def test_long_sentence_is_an_error(self):
    with self.assertRaisesRegex(UserError, "sentence 2 has .* subwords; at most 4046"):
      self.loaded().translate(["a", "a, " * 5000])

  @parameterized.parameters(
    ("layer_preprocess_sequence", "none"),
    ("layer_postprocess_sequence", "dan"),
    ("self_attention_type", "dot_product_relative"),
    ("ffn_layer", "conv_relu_conv"),
    ("pos", "emb"),
    ("shared_embedding_and_softmax_weights", False),
    ("attention_key_channels", 8),
  )
  def test_models_that_only_t2t_computes_are_an_error(self, name, value):
    with self.assertRaisesRegex(UserError, f"can only be translated by t2t_decoder: {name} "):
      self.loaded(**{name: value})

  def test_another_vocabulary_is_an_error(self):
    path = os.path.join(self.get_temp_dir(), "vocabulary")
    atomic_files.write_text(path, "'<pad>_'\n'<EOS>_'\n'a_'\n")
    with self.assertRaisesRegex(UserError, r"vocabulary and hparams need \[3, "):
      translator.Translator(self.checkpoint, atomic_files.read_json(self.hparams), path)

  def test_non_finite_weights_are_an_error(self):
    # CTranslate2's ReLU turns NaN into 0, so it would translate, but differently from t2t.
    variables = tensor_bundle.read(self.checkpoint, tensor_bundle.is_model_variable)
    name = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
    variables[name][0, 0] = np.nan
    prefix = os.path.join(self.get_temp_dir(), "diverged", "model.ckpt-1")
    tf_checkpoint.write(prefix, variables)
    with self.assertRaisesRegex(UserError, f"not finite .{name}.: training diverged"):
      translator.Translator(prefix, atomic_files.read_json(self.hparams), self.vocabulary)

  def test_signature_describes_the_search(self):
    self.assertRegex(
      translator.signature(),
      r"^beam:4\|alpha:0.6\|penalty:\(\(5\+len\)/6\)\^alpha\|cap:source\+50\|padding:zero embeddings\|type:float32\|"
      r"decoder:ctranslate2-[0-9.]+$",
    )
    self.assertStartsWith(translator.signature(beam_size=1), "greedy|cap:source+50|")
    self.assertRegex(translator.signature(engine=translator.SPARSE), r"decoder:sparse-[0-9]+$")


class PaddingTest(parameterized.TestCase, tf.test.TestCase):
  """Subwords with a completely pruned embedding, which t2t treats as padding."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.model = small_model.SmallModel(cls.create_tempdir(cls()).full_path)
    cls.hparams = paths.hparams(cls.model.folder)
    cls.where = (small_model.PROBLEM, cls.model.data_dir)
    cls.vocabulary = manifest.vocabulary(*cls.where)
    cls.sentences = [*cls.model.sentences, "", "a"]
    (cls.embedding,) = filter(layers.is_embedding, cls.model.variables)

  def pruned(self, rows):
    """A checkpoint in which some subwords have no embedding."""
    embedding = self.model.variables[self.embedding].copy()
    embedding[rows] = 0
    prefix = os.path.join(self.create_tempdir().full_path, "model.ckpt-1")
    tf_checkpoint.write(prefix, {**self.model.variables, self.embedding: embedding})
    return prefix

  def rows(self, fraction):
    """A random fraction of the subwords, without the end of sentence."""
    others = np.arange(subword_vocabulary.EOS + 1, len(self.model.variables[self.embedding]))
    return np.random.default_rng(0).choice(others, round(fraction * len(others)), replace=False)

  @parameterized.parameters((0.5, False), (0.95, True))
  def test_agrees_with_t2t(self, fraction, end_of_sentence):
    rows = [*self.rows(fraction), *([subword_vocabulary.EOS] if end_of_sentence else [])]
    checkpoint = self.pruned(rows)
    subwords = subword_vocabulary.Subwords(self.vocabulary)
    seen = [bool({*subwords.encode(s), subword_vocabulary.EOS} - {*rows}) for s in self.sentences]
    # There is at least one source of either kind.
    self.assertTrue(any(seen))
    self.assertEqual(all(seen), not end_of_sentence)
    references = self.sentences[::-1]
    expected = t2t_loss(checkpoint, self.hparams, *self.where, list(zip(self.sentences, references)))
    for loaded in assert_agree(self, checkpoint, self.hparams, self.vocabulary, *self.where, self.sentences):
      self.assertNear(loaded.loss(self.sentences, references), expected, 1e-6)

  def test_loaded_translator_gives_the_same_translations(self):
    checkpoint = self.pruned([subword_vocabulary.EOS, *self.rows(0.95)])
    folder = self.create_tempdir().full_path
    padding = translator.save(folder, checkpoint, atomic_files.read_json(self.hparams), self.vocabulary)
    self.assertLen(padding, 1 + len(self.rows(0.95)))
    made = translator.Translator(checkpoint, atomic_files.read_json(self.hparams), self.vocabulary)
    self.assertEqual(translator.Translator.load(folder).search(self.sentences), made.search(self.sentences))

  def test_export_by_an_earlier_version_is_an_error(self):
    folder = self.create_tempdir().full_path
    translator.save(folder, self.model.checkpoint, atomic_files.read_json(self.hparams), self.vocabulary)
    padding = os.path.join(folder, "padding.json")
    for content in (5, [[1]], ["a"], {"a": 1}):
      atomic_files.write_json(padding, content)
      with self.assertRaisesRegex(UserError, "padding.json is damaged .*: export the model again"):
        translator.Translator.load(folder)
    os.remove(padding)
    with self.assertRaisesRegex(UserError, "was exported by an earlier version.*: export it again"):
      translator.Translator.load(folder)


class TrainedTicketTest(tf.test.TestCase):
  """The quickstart's ticket at 98%, 21 BLEU; 198 of its 3,070 subwords have no embedding left."""

  def test_agrees_with_t2t_on_all_sentences(self):
    problem, ticket = "translate_enfr_grammar", os.path.join(TICKET98, "slt-50-90-98.sparse")
    folder = self.create_tempdir().full_path
    checkpoint, hparams = os.path.join(folder, "model.ckpt-1"), os.path.join(folder, "hparams.json")
    tf_checkpoint.write(checkpoint, model_source.read(ticket))
    atomic_files.write_json(hparams, sparse_file.about(ticket)["hparams"])
    vocabulary = os.path.join(TICKET98, registry.problem(problem).vocab_filename)
    subwords = subword_vocabulary.Subwords(vocabulary)
    model = transformer_weights.read(ticket, atomic_files.read_json(hparams), len(subwords))
    self.assertLen(model.padding, 198)
    sources, references = zip(*corpus.pairs("fr", "test"))
    pairs = [pair for pair in zip(sources, references) if {*model.padding} & {*subwords.encode(pair[0])}]
    self.assertLen(pairs, 154)
    expected = t2t_loss(checkpoint, hparams, problem, TICKET98, pairs)
    for loaded in assert_agree(self, checkpoint, hparams, vocabulary, problem, TICKET98, sources):
      self.assertNear(evaluation_metrics.bleu(loaded.translate(sources), references, "fr").value, 21.30, 0.005)
      self.assertNear(loaded.loss(*zip(*pairs)), expected, 1e-5)


if __name__ == "__main__":
  tf.test.main()
