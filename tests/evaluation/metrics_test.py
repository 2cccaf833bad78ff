"""Scores against values computed by hand or printed in the metric's paper, and against sacreBLEU."""

import collections
import math
import pathlib
import random
import sys
from unittest import mock

import numpy as np
import sacremoses
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from t2t_lottery.evaluation import metrics
from t2t_lottery.reproduce.planning import driver_flags
from t2t_lottery.utils.errors import UserError

REAL_TEXT = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "multi30k" / "val.de"

REFERENCE = "The cat sat on a mat."

# Tokenizers differ in quotes, entities, numbers, hyphens and case; some sentences of either side are empty or short.
HYPOTHESES = [
  "He said: \"It's 5,300.5 km/h &amp; more\", didn't he?",
  "the well-known U.S. president isn't here .",
  "",
  "A",
  "Nothing in common whatsoever, not one word",
  "a mat on the cat sat the cat",
  "words for no reference",
  "",
]
REFERENCES = [
  "He said \"it's 5,300 km/h & more\", didn't he?",
  "The well-known president of the U.S. isn't here.",
  "An empty translation.",
  "A",
  "Ganz andere Dinge stehen hier",
  REFERENCE,
  "",
  "",
]


def by_sacrebleu(metric, hypotheses, references, language):
  """sacreBLEU's score object, for text preprocessed according to the metric's signature."""
  tokenize_13a, moses = Tokenizer13a(), sacremoses.MosesTokenizer(lang=language)
  own, prepare = {
    "bleu": (BLEU(), str),
    "bleu_tokenized": (BLEU(tokenize="none"), lambda line: " ".join(moses.tokenize(line, escape=False))),
    "chrf": (CHRF(), str),
    "ter": (TER(), lambda line: tokenize_13a(line).lower()),
  }[metric]
  return own.corpus_score([prepare(line) for line in hypotheses], [[prepare(line) for line in references]])


def disturbed(lines, seed=1):
  """Lines with words deleted, doubled and moved, so that each metric has errors to count."""
  draw = random.Random(seed)
  found = []
  for line in lines:
    words = [word for word in line.split() for _ in range(draw.choice([0, 1, 1, 1, 1, 1, 1, 2]))]
    cut = draw.randint(0, len(words))
    found.append(" ".join(words if draw.random() < 0.5 else words[cut:] + words[:cut]))
  return found


class BleuTest(parameterized.TestCase, tf.test.TestCase):
  """BLEU against values computed by hand from its definition (Papineni et al. 2002)."""

  @parameterized.parameters(
    (REFERENCE, 100.0),
    # Tokens: The cat sat on the mat . - of 7, 6, 5, 4 n-grams, 6, 4, 2, 1 match.
    ("The cat sat on the mat.", 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25),
    # Case matters: 5, 3, 1 match; no 4-gram does, which sacreBLEU smooths to 1/2.
    ("the cat sat on the mat.", 100 * (5 / 7 * 3 / 6 * 1 / 5 * 0.5 / 4) ** 0.25),
    # 13a splits off the period, so raw and tokenized text have the same tokens.
    ("The cat sat on a mat .", 100.0),
    # Five of seven tokens, all correct: only the brevity penalty.
    ("The cat sat on a", 100 * math.exp(1 - 7 / 5)),
  )
  def test_bleu(self, hypothesis, expected):
    self.assertAlmostEqual(metrics.bleu([hypothesis], [REFERENCE]).value, expected, places=9)

  def test_bleu_is_of_the_corpus_not_a_mean(self):
    # 1- to 4-grams: 7+6 of 14, 6+4 of 12, 5+2 of 10, 4+1 of 8.
    found = metrics.bleu([REFERENCE, "The cat sat on the mat."], [REFERENCE] * 2)
    self.assertAlmostEqual(found.value, 100 * (13 / 14 * 10 / 12 * 7 / 10 * 5 / 8) ** 0.25, places=9)

  @parameterized.parameters("the cat", "the cat sat on the mat again and again", "")
  def test_brevity_penalty_equals_sacrebleus(self, hypothesis):
    reference = "the cat sat on the mat"
    expected = BLEU(force=True).corpus_score([hypothesis], [[reference]]).bp
    self.assertAlmostEqual(metrics.brevity_penalty(metrics.bleu([hypothesis], [reference], "en")), expected)

  def test_empty_translations_count(self):
    self.assertEqual(metrics.bleu([""], [REFERENCE]).value, 0.0)

  @parameterized.parameters(
    # Moses' tokenizer.perl splits apostrophes: English before, French and Italian after, others on both sides.
    ("en", "l'homme", 2, ["l"]),
    ("fr", "l'homme", 2, ["homme"]),
    ("de", "l'homme", 3, ["l", "homme"]),
    # Nonbreaking prefixes: bzw is one in German, not in English.
    ("en", "bzw. Meier", 3, ["bzw", "Meier"]),
    ("de", "bzw. Meier", 2, ["Meier"]),
    # Hyphens stay, while 13a splits them off a number; entities are plain text.
    ("de", "2-mal &amp;", 4, ["2-mal", "amp"]),
  )
  def test_tokenized_bleu_splits_as_moses_does(self, language, text, count, words):
    for word in ("l", "homme", "bzw", "Meier", "2-mal", "amp"):
      length, _, matching, *_ = metrics.score("bleu_tokenized", [text], [word], language).segments.tolist()[0]
      self.assertEqual((length, matching), (count, int(word in words)), msg=word)

  @parameterized.parameters("th", "tha", "lo", "my", "bo", "zh", "zho", "yue", "tr", "ar", "hi", "he", "vi", "de", "en")
  def test_equal_sentences_have_a_perfect_score_in_every_language(self, language):
    texts = {
      **dict.fromkeys(("th", "tha"), "วันนี้อากาศดีมาก"),
      **dict.fromkeys(("zh", "zho", "yue"), "今天天气很好。"),
      **{"lo": "ສະບາຍດີຊາວໂລກ", "my": "မင်္ဂလာပါကမ္ဘာ", "bo": "བཀྲ་ཤིས་བདེ་ལེགས", "hi": "आज मौसम बहुत अच्छा है।"},
      **{"ar": "الطقس جميل جدا اليوم.", "he": "מזג האוויר יפה מאוד היום.", "vi": "Hôm nay trời rất đẹp."},
      **{"tr": "Bugün hava çok güzel.", "de": "Heute ist es schön.", "en": "It is nice today."},
    }
    for metric in metrics.applicable(language):
      found = metrics.score(metric, [texts[language]], [texts[language]], language)
      self.assertAlmostEqual(found.value, 100.0 if metrics.HIGHER_IS_BETTER[metric] else 0.0, places=9, msg=metric)
      # sacreBLEU's TER splits nothing itself: the text is tokenized before.
      self.assertEqual("|asian:no|" in found.signature, metric == "ter", found.signature)

  def test_a_tokenizer_can_be_chosen_for_bleu_only(self):
    text, other = "今天天气很好。", "今天天气不好。"
    found = metrics.bleu([text], [other], "zh", "char")
    self.assertEqual(found.value, BLEU(tokenize="char").corpus_score([text], [[other]]).score)
    self.assertIn("|tok:char|", found.signature)
    self.assertIn("text:zh-lowercased", metrics.score("ter", [text], [other], "zh", "char").signature)
    self.assertContainsSubset(metrics.TOKENIZERS, BLEU.TOKENIZERS)
    (flag,) = [flag for flag in driver_flags.OF_RUNS if flag.name == "bleu_tokenize"]
    self.assertEqual(flag.choices, metrics.TOKENIZERS)

  def test_a_tokenizer_without_its_package_or_model_is_one_line(self):
    with mock.patch.dict(sys.modules, {"sentencepiece": None}):
      with self.assertRaisesRegex(UserError, "flores200, which is not installed: .*pip install 'sentencepiece'"):
        metrics.check("de", "flores200")
    spm = "sacrebleu.tokenizers.tokenizer_spm"
    with mock.patch.dict(sys.modules, {"sentencepiece": mock.Mock()}), mock.patch(f"{spm}.SACREBLEU_DIR", "/nowhere"):
      with mock.patch(f"{spm}.download_file", side_effect=OSError("no network")):
        with self.assertRaisesRegex(UserError, r"flores101 needs its model, and fetching it fails \(no network\)"):
          metrics.check("de", "flores101")

  def test_the_two_bleu_scores_differ_if_the_tokenizers_do(self):
    raw, tokenized = (metrics.score(name, HYPOTHESES, REFERENCES, "en").value for name in ("bleu", "bleu_tokenized"))
    self.assertNotAlmostEqual(raw, tokenized, places=1)

  @parameterized.parameters(
    # As chosen by sacreBLEU for `-l SOURCE-TARGET`.
    ("zh", "zh", "今天天气很好，我们去公园。", "今天天气很好，我们去学校。"),
    ("yue", "zh", "今日天氣好好，我哋去公園。", "今日天氣好好，我哋去學校。"),
    # Written without spaces, and sacreBLEU has no tokenizer for them.
    ("th", "char", "วันนี้อากาศดีมาก", "วันนี้อากาศดี"),
    ("km", "char", "សួស្តីពិភពលោក", "សួស្តី"),
    ("tr", "13a", "Bugün hava çok güzel, parka gidiyoruz.", "Bugün hava çok güzel, okula gidiyoruz."),
    ("ar", "13a", "الطقس جميل جدا اليوم، سنذهب.", "الطقس جميل جدا اليوم، ذهبنا."),
    ("uk", "13a", "Сьогодні дуже гарна погода надворі.", "Сьогодні дуже гарна погода була."),
  )
  def test_the_language_chooses_the_tokenizer(self, language, tokenizer, reference, near):
    self.assertEqual(metrics.applicable(language), ("bleu", "chrf", "ter"))
    for metric in metrics.applicable(language):
      equal, other = (metrics.score(metric, [text], [reference], language) for text in (reference, near))
      self.assertAlmostEqual(equal.value, 100.0 if metrics.HIGHER_IS_BETTER[metric] else 0.0, places=9)
      self.assertBetween(other.value, 0.1, 99.9, metric)
      self.assertIn(
        {"bleu": f"|tok:{tokenizer}|", "ter": f"|text:{tokenizer}-lowercased", "chrf": ""}[metric], equal.signature
      )
    expected = BLEU(tokenize=tokenizer).corpus_score([near], [[reference]]).score
    self.assertEqual(metrics.bleu([near], [reference], language).value, expected)
    self.assertIn("no rules for the language", metrics.left_out(language)["bleu_tokenized"])

  def test_tokenizer_equals_sacrebleus_choice(self):
    for language in ("zh", "ja", "ko", "de", "tr"):
      self.assertEqual(metrics.tokenizer(language), BLEU._TOKENIZER_MAP.get(language, BLEU.TOKENIZER_DEFAULT))

  def test_a_tokenizer_that_is_not_installed_is_named(self):
    with mock.patch.dict(sys.modules, {"MeCab": None, "mecab_ko": None}):
      for modules in ("sacrebleu.tokenizers.tokenizer_ja_mecab", "sacrebleu.tokenizers.tokenizer_ko_mecab"):
        sys.modules.pop(modules, None)
      for language, package in (("ja", "ja"), ("ko", "ko")):
        for refused in (metrics.check, lambda code: metrics.score("ter", ["a"], ["a"], code)):
          with self.assertRaisesRegex(UserError, rf"{language}-mecab, .* -m pip install 'sacrebleu\[{package}\]'"):
            refused(language)

  def test_outer_whitespace_is_ignored(self):
    for metric in metrics.METRICS:
      plain = metrics.score(metric, HYPOTHESES, REFERENCES, "de")
      around = metrics.score(metric, HYPOTHESES, [f" {text}\r" for text in REFERENCES], "de")
      self.assertAllEqual(around.segments, plain.segments)

  def test_language_without_moses_rules_is_an_error(self):
    with self.assertRaisesRegex(UserError, "no rules for the language 'xx'.* de, .*en"):
      metrics.score("bleu_tokenized", ["a"], ["a"], "xx")


class OtherMetricsTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    # Computed by hand from Popovic 2015 and 2016 (beta 2), averaged over the orders of both sides.
    # 1 of 2 characters matches, 0 of 1 bigrams: precision and recall 1/4.
    ("ab", "ac", 25.0),
    # Precision (2/3 + 1/2) / 2, recall 1; the reference has no trigram.
    ("abc", "ab", 87.5),
    # Spaces are ignored, case is not.
    ("a b", "ab", 100.0),
    ("A", "a", 0.0),
  )
  def test_chrf(self, hypothesis, reference, expected):
    self.assertAlmostEqual(metrics.score("chrf", [hypothesis], [reference], "en").value, expected, places=9)

  def test_ter_of_the_example_in_its_paper(self):
    # Snover et al. 2006, section 3: one shift, two substitutions, one insertion, of 13 words; 31%.
    hypothesis = "THIS WEEK THE SAUDIS denied information published in the new york times"
    reference = "SAUDI ARABIA denied THIS WEEK information published in the AMERICAN new york times"
    found = metrics.score("ter", [hypothesis], [reference], "en")
    self.assertEqual(found.segments.tolist(), [[4, 13]])
    self.assertAlmostEqual(found.value, 100 * 4 / 13, places=9)

  @parameterized.parameters(
    # Case is ignored; a period is a separate word, split off by 13a, and counts.
    ("THE CAT SAT ON A MAT.", [0, 7]),
    ("The cat sat on a mat", [1, 7]),
    ("The cat sat on a mat .", [0, 7]),
    ("", [7, 7]),
  )
  def test_ter_is_of_tokenized_lowercased_text_with_punctuation(self, hypothesis, expected):
    self.assertEqual(metrics.score("ter", [hypothesis], [REFERENCE], "en").segments.tolist(), [expected])


class EveryMetricTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*metrics.METRICS)
  def test_value_equals_sacrebleus_exactly(self, metric):
    found = metrics.score(metric, HYPOTHESES, REFERENCES, "en")
    self.assertEqual(found.value, by_sacrebleu(metric, HYPOTHESES, REFERENCES, "en").score)
    self.assertGreater(found.value, 0)

  @parameterized.parameters(*metrics.METRICS)
  def test_value_on_real_text_equals_sacrebleus(self, metric):
    if not REAL_TEXT.exists():
      self.skipTest(f"no {REAL_TEXT}")
    references = REAL_TEXT.read_text(encoding="utf-8").split("\n")[:200]
    hypotheses = disturbed(references)
    found = metrics.score(metric, hypotheses, references, "de")
    self.assertEqual(found.value, by_sacrebleu(metric, hypotheses, references, "de").score)
    self.assertAlmostEqual(float(metrics.corpus_scores(metric, found.segments.sum(axis=0))), found.value, delta=1e-9)

  @parameterized.parameters(*metrics.METRICS)
  def test_sums_of_segments_give_sacrebleus_score_of_any_subset(self, metric):
    segments = metrics.score(metric, HYPOTHESES, REFERENCES, "en").segments
    self.assertEqual(segments.dtype, np.int64)
    chosen = np.random.default_rng(1).integers(2, size=(200, len(HYPOTHESES)))
    # Each sentence alone too: short, empty or without a match, some are special cases of the formulas.
    chosen = np.concatenate([np.eye(len(HYPOTHESES), dtype=np.int64), chosen[chosen.any(axis=1)]])
    found = metrics.corpus_scores(metric, chosen @ segments)
    self.assertEqual(found.shape, (len(chosen),))
    for row, value in zip(chosen, found):
      subset = [[line for line, kept in zip(lines, row) if kept] for lines in (HYPOTHESES, REFERENCES)]
      self.assertAlmostEqual(value, by_sacrebleu(metric, *subset, "en").score, delta=1e-9, msg=str(subset))

  @parameterized.parameters("bleu", "bleu_tokenized")
  def test_segments_of_bleu_equal_sacrebleus_counts(self, metric):
    found = metrics.score(metric, HYPOTHESES, REFERENCES, "en")
    for hypothesis, reference, row in zip(HYPOTHESES, REFERENCES, found.segments.tolist()):
      own = by_sacrebleu(metric, [hypothesis], [reference], "en")
      self.assertEqual(row, [own.sys_len, own.ref_len, *own.counts, *own.totals])

  def test_segments_of_ter_equal_sacrebleus_counts(self):
    found = metrics.score("ter", HYPOTHESES, REFERENCES, "en")
    for hypothesis, reference, row in zip(HYPOTHESES, REFERENCES, found.segments.tolist()):
      own = by_sacrebleu("ter", [hypothesis], [reference], "en")
      self.assertEqual(row, [own.num_edits, own.ref_length])

  def test_segments_of_chrf_are_counts_of_ngrams(self):
    found = metrics.score("chrf", HYPOTHESES, REFERENCES, "en")
    for hypothesis, reference, row in zip(HYPOTHESES, REFERENCES, found.segments.tolist()):
      for n in range(1, 7):
        ours, theirs = (
          collections.Counter(text[i : i + n] for i in range(len(text) - n + 1))
          for text in (hypothesis.replace(" ", ""), reference.replace(" ", ""))
        )
        # sacreBLEU counts n-grams of a translation only if the reference has some of that order.
        expected = [sum(ours.values()) if theirs else 0, sum(theirs.values()), sum((ours & theirs).values())]
        self.assertEqual(row[3 * n - 3 : 3 * n], expected)

  @parameterized.parameters(
    ("bleu", r"BLEU\|nrefs:1\|case:mixed\|eff:no\|tok:13a\|smooth:exp\|version:[\d.]+"),
    (
      "bleu_tokenized",
      r"BLEU\|nrefs:1\|case:mixed\|eff:no\|tok:none\|smooth:exp\|version:[\d.]+\|text:moses-de-unescaped-sacremoses-[\d.]+",
    ),
    ("chrf", r"chrF2\|nrefs:1\|case:mixed\|eff:yes\|nc:6\|nw:0\|space:no\|version:[\d.]+"),
    (
      "ter",
      r"TER\|nrefs:1\|case:lc\|tok:tercom\|norm:no\|punct:yes\|asian:no\|version:[\d.]+\|text:13a-lowercased",
    ),
  )
  def test_signature_has_options_versions_and_preprocessing(self, metric, expected):
    self.assertRegex(metrics.score(metric, ["a"], ["a"], "de").signature, f"^{expected}$")

  @parameterized.parameters(*metrics.METRICS)
  def test_a_perfect_translation_has_the_best_score(self, metric):
    best, worse = (metrics.score(metric, lines, REFERENCES, "en").value for lines in (REFERENCES, HYPOTHESES))
    self.assertEqual(best > worse, metrics.HIGHER_IS_BETTER[metric])
    self.assertAlmostEqual(best, 100.0 if metrics.HIGHER_IS_BETTER[metric] else 0.0, places=9)

  @parameterized.product(metric=metrics.METRICS, sides=(([], []), (["a"], []), (["a"], ["a", "b"])))
  def test_different_lengths_are_an_error(self, metric, sides):
    hypotheses, references = sides
    message = f"{len(hypotheses)} translations .* {len(references)} references"
    with self.assertRaisesRegex(UserError, message):
      metrics.score(metric, hypotheses, references, "en")

  def test_unknown_metric_and_statistics_of_another_one_are_an_error(self):
    with self.assertRaisesRegex(ValueError, "not 'meteor'"):
      metrics.score("meteor", ["a"], ["a"], "en")
    with self.assertRaisesRegex(ValueError, "not 'meteor'"):
      metrics.corpus_scores("meteor", np.zeros(2))
    with self.assertRaisesRegex(ValueError, "bleu has 10 statistics"):
      metrics.corpus_scores("bleu", np.zeros((5, 18)))


if __name__ == "__main__":
  tf.test.main()
