"""Own parallel text: from flags to records, held-out sentences, and invalid input."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry

from problems import own_text as problem
from t2t_lottery.data import manifest, own_text
from t2t_lottery.evaluation import metrics
from t2t_lottery.utils import errors

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORDS = "ein kleiner Hund läuft über die große Straße und sieht einen roten Ball vor dem alten Haus am Fluss".split()


def sentences(count, seed, language):
  """Distinct synthetic sentences."""
  rng = random.Random(seed)
  return [f"{' '.join(rng.choices(WORDS, k=rng.randint(3, 9)))} {language}{i}" for i in range(count)]


class OwnTextTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.data_dir = os.path.join(self.folder, "data")
    os.mkdir(self.data_dir)

  def write(self, name, lines, end="\n"):
    path = os.path.join(self.folder, name)
    content = "".join(line + end for line in lines).encode("utf-8")
    with gzip.open(path, "wb") if name.endswith(".gz") else open(path, "wb") as file:
      file.write(content)
    return path

  def pair(self, stem, count, seed=0, end=""):
    files = [self.write(f"{stem}.{code}{end}", sentences(count, seed, code)) for code in ("de", "fr")]
    return ",".join(files)

  def make(self, name, *args, **kwargs):
    """A problem of own text, with data from t2t's `generate_data`."""
    text = own_text.parse(name, *args, **kwargs)
    own_text.write(text, self.data_dir)
    problem.register(self.data_dir)
    made = registry.problem(text.problem)
    made.generate_data(self.data_dir, self.folder)
    return made

  def test_chinese_and_turkish_are_scored_by_their_tokenizers_and_what_does_not_apply_is_named(self):
    for language, tokenizer, word in (
      ("zh", "zh", "今天天气很好我们去公园"),
      ("tr", "13a", "Bugün hava çok güzel, parka"),
    ):
      sources, targets = sentences(300, 1, "en"), [f"{word} {i}。" for i in range(300)]
      files = [self.write(f"{language}.{code}", lines) for code, lines in (("en", sources), (language, targets))]
      made = self.make(f"toy_{language}", [",".join(files)], vocab_size=400)
      self.assertEqual(manifest.target_language(made.name, self.data_dir), language)
      references = [target for _, target in self.raw("test", f"toy_{language}")]
      self.assertContainsSubset(references, targets)
      self.assertEqual(metrics.left_out(language).keys(), {"bleu_tokenized"})
      for metric in metrics.applicable(language):
        equal, cut = (
          metrics.score(metric, lines, references, language) for lines in (references, [r[:-3] for r in references])
        )
        self.assertAlmostEqual(equal.value, 100 if metrics.HIGHER_IS_BETTER[metric] else 0, places=9)
        self.assertBetween(cut.value, 1, 99)
      self.assertIn(f"|tok:{tokenizer}|", metrics.bleu(references, references, language).signature)

  def raw(self, split, name):
    return list(zip(*manifest.raw_text(own_text.problem_name(name), self.data_dir, split)))

  def trained_on(self, made):
    encoder = made.feature_encoders(self.data_dir)
    found = []
    for path in made.training_filepaths(self.data_dir, made.train_shards, shuffled=True):
      for record in tf.python_io.tf_record_iterator(path):
        feature = tf.train.Example.FromString(record).features.feature
        found.append(
          tuple(encoder[side].decode(list(feature[side].int64_list.value)[:-1]) for side in ("inputs", "targets"))
        )
    return found

  def test_paired_files_and_several_test_sets_become_a_t2t_problem(self):
    made = self.make(
      "one",
      [self.pair("a", 300, 1), self.pair("b", 200, 2, ".gz")],
      [self.pair("d", 20, 3)],
      [self.pair("news1", 30, 4), self.pair("news2", 10, 5)],
      vocab_size=400,
    )
    self.assertEqual(made.name, "translate_one")
    self.assertLen(self.trained_on(made), 500)
    self.assertLen(self.raw("dev", "one"), 20)
    self.assertEqual(manifest.test_sets("translate_one", self.data_dir), {"test": "news1", "test2": "news2"})
    for split, seed, count in (("test", 4, 30), ("test2", 5, 10)):
      expected = list(zip(*(sentences(count, seed, code) for code in ("de", "fr"))))
      self.assertEqual(self.raw(split, "one"), expected)
    self.assertEqual(manifest.target_language("translate_one", self.data_dir), "fr")
    self.assertRaises(ValueError, manifest.raw_text, "translate_one", self.data_dir, "test3")

  def test_held_out_pairs_share_no_side_with_training_and_never_move(self):
    sources, targets = (sentences(1500, 7, code) for code in ("de", "fr"))
    # Repeated sources and targets, with and without surrounding spaces.
    sources += sources[:300]
    targets += [f"{target} encore" for target in targets[:150]] + [f" {target} " for target in targets[150:300]]
    targets[1400:1500] = targets[1300:1400]
    text = {
      count: [self.write(f"t{count}.{code}", lines[:count]) for code, lines in (("de", sources), ("fr", targets))]
      for count in (1000, 1800)
    }
    split = {}
    for count, files in text.items():
      made = self.make(f"split{count}", [",".join(files)], vocab_size=400)
      held = {name: self.raw(name, f"split{count}") for name in ("dev", "test")}
      split[count] = {name: {source.strip() for source, _ in pairs} for name, pairs in held.items()}
      self.assertLen({source.strip() for pairs in held.values() for source, _ in pairs}, sum(map(len, held.values())))
      for name, pairs in held.items():
        self.assertGreater(len(pairs), 0.04 * count)
        trained = self.trained_on(made)
        self.assertEmpty({source.strip() for source, _ in pairs} & {source.strip() for source, _ in trained}, name)
        self.assertEmpty({target.strip() for _, target in pairs} & {target.strip() for _, target in trained}, name)
      facts = manifest.facts(f"translate_split{count}", self.data_dir)
      self.assertEqual(facts["text"]["pairs"], count)
      self.assertLen(self.trained_on(made), count - facts["text"]["held_out"])
    for name in ("dev", "test"):
      self.assertContainsSubset(split[1000][name], split[1800][name])

  def test_the_share_held_out_halves_as_the_text_grows(self):
    self.assertEqual(problem.held_out_share(500), 1 / 16)
    self.assertEqual(problem.held_out_share(32_000), 1 / 16)
    self.assertEqual(problem.held_out_share(32_001), 1 / 32)
    for count in (10**5, 4_500_000, 4 * 10**7):
      self.assertBetween(count * problem.held_out_share(count), 1000, 2000)
    places = [problem.place(sentence) for sentence in sentences(4000, 3, "de")]
    self.assertBetween(min(places), 0, 0.01)
    self.assertBetween(max(places), 0.99, 1)
    self.assertBetween(sum(place < 0.25 for place in places), 900, 1100)
    self.assertEqual(problem.place(" a b\r"), problem.place("a b"))

  def test_tab_separated_text_with_irregularities(self):
    lines = [f"{a}\t{b}" for a, b in zip(sentences(100, 1, "de"), sentences(100, 1, "fr"))]
    lines[3] = "\ufeffein Hund\tun chien"
    lines[4] = "ein\x07 Hund\tun chien"
    lines[5] = "nur links\t"
    lines[6] = lines[7]
    train = self.write("text.de-fr.tsv.gz", lines, "\r\n")
    dev = self.write("dev.de-fr.tsv", [lines[8], "a\tb"])
    made = self.make("odd", [train], [dev], [self.pair("test", 9, 8)], vocab_size=400)
    counts = manifest.facts("translate_odd", self.data_dir)["text"]
    self.assertEqual(
      counts,
      {
        **dict(pairs=100, held_out=0, empty=1, duplicates=1, overlap=1),
        **dict(byte_order_marks=1, control_characters=1),
      },
    )
    trained = self.trained_on(made)
    self.assertLen(trained, 99)
    self.assertIn(("ein Hund", "un chien"), trained)
    self.assertNotIn("\r", "".join(map("".join, trained)))
    summary = "\n".join(own_text.summary(manifest.facts("translate_odd", self.data_dir)))
    self.assertStartsWith(summary, "100 pairs of training text; 99 to train on, 2 of dev, 9 of test\n")
    self.assertIn("1 pairs have an empty side", summary)
    self.assertIn("warning: 1 training pairs share a side with dev or test", summary)

  def test_a_language_has_a_code_of_iso_639(self):
    for name in ("t.src", "t.tgt"):
      self.write(name, ["x"])
    files = [",".join(os.path.join(self.folder, name) for name in ("t.src", "t.tgt"))]
    with self.assertRaisesRegex(errors.UsageError, "--languages=en,qq: qq is no language"):
      own_text.parse("odd", files, languages="en,qq")
    self.assertEqual(own_text.parse("odd", files, languages="en,yue").languages, ("en", "yue"))

  @parameterized.parameters(
    (["a.de"], "--train: .*/a.de does not exist"),
    (["t.de,t.fr,t.de"], "--train=t.de,t.fr,t.de: give SOURCE,TARGET, or one tab-separated file"),
    (["t.txt,t.de"], "file names do not end in the languages .*give --languages"),
    (["t.src,t.tgt"], "file names do not end in the languages .*give --languages"),
    (["t.de,t.fr", "t.de,u.fr"], "t.de is given twice"),
    (["t.de,t.fr", "u.fr,u.de"], "t.de is de-fr, .*u.fr is fr-de"),
    (["t.de,."], "is not a file that can be read"),
    ([], "needs --train"),
  )
  def test_invalid_files_are_errors(self, train, message):
    for name in ("t.de", "t.fr", "u.de", "u.fr", "t.txt", "t.src", "t.tgt"):
      self.write(name, ["x"])
    self.addCleanup(os.chdir, os.getcwd())
    os.chdir(self.folder)
    with self.assertRaisesRegex(errors.UserError, message):
      own_text.parse("name", train)

  @parameterized.parameters("Ende", "2x", "a-b", "a__b", "x_rev", "", "a b", "../x")
  def test_names_invalid_in_t2t_are_errors(self, name):
    with self.assertRaisesRegex(errors.UsageError, "use lower-case letters"):
      own_text.check_name(name)

  def test_two_texts_cannot_have_one_name(self):
    first = own_text.parse("mine", [self.pair("a", 5)])
    own_text.write(first, self.data_dir)
    own_text.write(first, self.data_dir)
    self.assertEqual(own_text.read("translate_mine", self.data_dir), first)
    with self.assertRaisesRegex(errors.UserError, "translate_mine with another train .*a.de,.*: choose another --name"):
      own_text.write(own_text.parse("mine", [self.pair("b", 5)]), self.data_dir)
    with self.assertRaisesRegex(errors.UserError, "another vocab_size \\(8192\\)"):
      own_text.write(first._replace(vocab_size=500), self.data_dir)

  def test_the_name_of_an_existing_problem_is_an_error(self):
    text = own_text.parse("ende_wmt14", [self.pair("a", 5)])
    own_text.write(text, self.data_dir)
    with self.assertRaisesRegex(errors.UserError, "a problem translate_ende_wmt14 already exists"):
      problem.register(self.data_dir)

  def test_damaged_text_is_one_line(self):
    path = self.write("text.de-fr.tsv", ["a\tb", "a b"])
    with self.assertRaisesRegex(errors.UserError, f"{path}, line 2: 1 fields, expected source, tab, target"):
      list(problem.read_part(own_text.parse("x", [path]).train[0]))
    small = own_text.parse("small", [self.pair("s", 3)])
    own_text.write(small, self.data_dir)
    problem.register(self.data_dir)
    with self.assertRaisesRegex(SystemExit, "3 distinct sentences are too few to split off (dev|test): give --"):
      registry.problem("translate_small").generate_data(self.data_dir, self.folder)
    with open(own_text.path("translate_small", self.data_dir), "w", encoding="utf-8") as file:
      json.dump({"name": "other"}, file)
    with self.assertRaisesRegex(errors.UserError, "is damaged"):
      own_text.read("translate_small", self.data_dir)
    problem.register(self.data_dir)


@pytest.mark.slow
class CommandTest(tf.test.TestCase):
  """The step of a driver that makes the data, before it calls t2t-datagen."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.data_dir = os.path.join(self.folder, "data")
    for code in ("de", "fr"):
      with open(os.path.join(self.folder, f"t.{code}"), "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in sentences(40, 1, code))
    self.train = f"--train={self.folder}/t.de,{self.folder}/t.fr"

  def datagen(self, problem_name, *flags):
    command = [sys.executable, "-m", "t2t_lottery.datagen", f"--problem={problem_name}", f"--data_dir={self.data_dir}"]
    done = subprocess.run([*command, *flags], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr

  def test_makes_the_data_once_and_notices_a_file_that_changed(self):
    status, said = self.datagen("translate_mine", self.train, "--vocab_size=400")
    self.assertEqual((status, said), (0, ""))
    self.assertTrue(manifest.is_complete("translate_mine", self.data_dir))
    self.assertEqual(self.datagen("translate_mine"), (0, ""))
    with open(os.path.join(self.folder, "t.de"), "a", encoding="utf-8") as file:
      file.write("noch ein Satz\n")
    status, said = self.datagen("translate_mine")
    self.assertEqual(status, 1)
    self.assertRegex(
      said, r"^t2t-lottery: .*/t\.de was changed since the data of translate_mine was made from it: .*\n$"
    )

  def test_a_mistake_is_corrected_by_the_same_command_and_text_that_was_moved_is_not_missed(self):
    with open(os.path.join(self.folder, "t.fr"), "a", encoding="utf-8") as file:
      file.write("une ligne de trop\n")
    status, said = self.datagen("translate_mine", self.train, "--vocab_size=400")
    self.assertEqual(status, 1)
    self.assertIn("sides of different length", said)
    for code in ("de", "fr"):
      shutil.copy(os.path.join(self.folder, "t.de"), os.path.join(self.folder, f"u.{code}"))
    fixed = self.train.replace("/t.", "/u.")
    self.assertEqual(self.datagen("translate_mine", fixed, "--vocab_size=400"), (0, ""))
    status, said = self.datagen("translate_mine", self.train, "--vocab_size=400")
    self.assertEqual(status, 1)
    self.assertIn("another train", said)
    os.remove(os.path.join(self.folder, "u.de"))
    self.assertEqual(self.datagen("translate_mine"), (0, ""))

  def test_the_name_of_a_problem_that_there_is_is_one_line_and_leaves_nothing(self):
    for name in ("translate_ende_wmt14", "translate_ende_wmt8k"):
      status, said = self.datagen(name, self.train)
      self.assertEqual(
        (status, said), (2, f"t2t-lottery: there already is a problem {name}: choose another --name for own text\n")
      )
      self.assertFalse(os.path.exists(self.data_dir))
    status, said = self.datagen("ende", self.train)
    self.assertEqual(status, 2)
    self.assertIn("--train is for own text: its problem is translate_NAME, not ende", said)


if __name__ == "__main__":
  tf.test.main()
