"""`imp.sh`: tickets of a pre-trained BERT (Chen et al. 2020), from the driver's command line to its table."""

import functools
import os
import re
import shutil
import subprocess
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tensor_bundle, tf_checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.pruning import layers, methods, structures
from t2t_lottery.report import builder
from t2t_lottery.report import study as studies
from t2t_lottery.reproduce import problem_check
from t2t_lottery.runs import paths, presets, pretrained, run_files
from t2t_lottery.utils import atomic_files, errors
from tests.support import tiny_bert, trained

pytestmark = pytest.mark.slow
STEPS = 20
POOLER = "bert/pooler/dense/kernel"


@functools.cache
def folder():
  """The folder of pre-trained model, text, data and runs, removed at the end."""
  made = tempfile.mkdtemp(prefix="t2t-lottery-bert-")
  # So small that a global mask leaves none of it.
  tiny_bert.write_pretrained(os.path.join(made, "bert"), scales={POOLER: 1e-3})
  tiny_bert.write_glue(os.path.join(made, "glue"))
  tiny_bert.write_squad(os.path.join(made, "glue"))
  return made


def flags(*more):
  made = folder()
  where = {"checkpoint": "bert", "tmp_dir": "glue", "data_dir": "data", "runs_dir": "runs"}
  given = [f"--{flag}={made}/{name}" for flag, name in where.items()]
  usual = [f"--hparams_set={tiny_bert.SET}", f"--steps={STEPS}", "--hparams=learning_rate_constant=0.001"]
  return [
    *(word for word in [*given, *usual] if word.partition("=")[0] not in {m.partition("=")[0] for m in more}),
    *more,
  ]


def driver(*words):
  return subprocess.run(
    [os.path.join(trained.ROOT, "run_scripts", "imp.sh"), *words], check=False, capture_output=True, text=True
  )


@functools.cache
def chain(*more):
  """What the driver printed."""
  return trained.check(driver(*flags(*more)))


def run_folder(run, problem="glue_rte"):
  return paths.Runs(os.path.join(folder(), "runs"), problem, tiny_bert.SET, 1).folder(run)


def initial(run, problem="glue_rte"):
  """name -> value of a run's first weights and masks."""
  return tensor_bundle.read(paths.kept(run_folder(run, problem), 0))


def final(run, problem="glue_rte"):
  return tensor_bundle.read(paths.checkpoint(run_folder(run, problem), STEPS))


def masks_of(variables):
  return {name: value.astype(bool) for name, value in variables.items() if layers.is_mask(name)}


def sparsity(variables):
  kept = [value for name, value in variables.items() if layers.is_prunable(name)]
  return 1 - sum(np.count_nonzero(value) for value in kept) / sum(value.size for value in kept)


def tearDownModule():
  shutil.rmtree(folder(), ignore_errors=True)


class BertTicketsTest(parameterized.TestCase, tf.test.TestCase):
  LEVELS = "--levels=40 70"

  def early(self):
    """What the driver printed of the tickets of both steps to rewind to."""
    return chain("--levels=40", "--rewind_steps=0 25%")

  def rounds(self):
    """What the driver then printed of two rounds."""
    self.early()
    return chain(self.LEVELS)

  def answers(self):
    """What the driver printed of another task's tickets."""
    return chain("--problem=squad_v1", "--levels=40")

  def test_each_level_starts_from_the_pretrained_weights_under_its_mask(self):
    self.rounds()
    pretrained = tensor_bundle.read(os.path.join(folder(), "bert", "bert_model.ckpt"))
    dense = initial("dense")
    self.assertAllEqual(
      sorted(name for name in dense if name.startswith("bert/") and "/Adam" not in name), sorted(pretrained)
    )
    for name, value in pretrained.items():
      self.assertAllEqual(dense[name], value)
      if layers.is_prunable(name):
        self.assertNotAllEqual(final("dense")[name], value)
    for run in ("imp-40", "imp-40-70"):
      found = initial(run)
      for name in pretrained:
        kept = found[layers.mask_name(name)] if layers.is_prunable(name) else 1.0
        self.assertAllEqual(found[name], pretrained[name] * kept)
      # Unlike in Chen et al.'s code, the task head is rewound as well.
      for name in ("output_weights", "output_bias"):
        self.assertAllEqual(found[name], dense[name])
    self.assertNotAllEqual(final("imp-40")["output_weights"], dense["output_weights"])

  def test_a_ticket_rewinds_to_an_early_step_of_the_dense_run(self):
    printed = self.early()
    dense, found = (run_folder(run) for run in ("dense", "imp+t_5-40"))
    early, first = (tensor_bundle.read(paths.kept(run, step)) for run, step in ((dense, 5), (found, 0)))
    pretrained = tensor_bundle.read(os.path.join(folder(), "bert", "bert_model.ckpt"))
    for name in (*pretrained, "output_weights", "output_bias"):
      kept = first[layers.mask_name(name)] if layers.is_prunable(name) else 1.0
      self.assertAllEqual(first[name], early[name] * kept)
    self.assertNotAllEqual(early[POOLER], pretrained[POOLER])
    self.assertIn("imp+t_5-40: 40.00% sparse", printed)

  def test_masks_are_the_largest_final_weights_of_all_layers_and_nest(self):
    self.rounds()
    before, within = final("dense"), None
    for run, level in (("imp-40", 0.4), ("imp-40-70", 0.7)):
      names = layers.prunable(before)
      size = sum(before[name].size for name in names)
      magnitude = np.concatenate([np.abs(before[name]).ravel() for name in names])
      threshold = np.sort(magnitude)[size - round(size * (1 - level))]
      masks = masks_of(initial(run))
      for name in names:
        self.assertAllEqual(masks[layers.mask_name(name)], np.abs(before[name]) >= threshold)
      self.assertAllClose(sparsity(final(run)), level, rtol=0, atol=1 / size)
      self.assertTrue(within is None or all(np.all(within[name] | ~mask) for name, mask in masks.items()))
      before, within = final(run), masks

  def test_the_driver_prints_an_emptied_layer_and_the_table_and_skips_what_is_done(self):
    self.assertIn(f"imp-40: no weight left in {POOLER}\n", self.early())
    printed = self.rounds()
    self.assertIn("imp-40-70: 70.00% sparse", printed)
    rows = re.findall(r"^ *([\d.]+)% +[\d.]+ +[\d.]+ +[\d.]+ +-?[\d.]+ +(\S+), dev$", printed, re.MULTILINE)
    self.assertEqual(rows, [("0", "dense"), ("40", "imp-40"), ("70", "imp-40-70")])
    self.assertIn("imp-40: trained (20 steps)", printed)
    again = trained.check(driver(*flags(self.LEVELS)))
    self.assertNotIn("starting", again)
    self.assertIn("imp-40-70: trained (20 steps)", again)

  def test_masks_of_another_task_are_transferred_bit_for_bit(self):
    self.answers()
    chain("--levels=40", "--ticket_from=squad_v1")
    run = "imp+ticket_from_squad_v1-40"
    theirs, ours = masks_of(final("imp-40", "squad_v1")), masks_of(initial(run))
    self.assertLen(theirs, 13)
    dense = initial("dense")
    for name, mask in theirs.items():
      self.assertAllEqual(ours[name], mask)
      layer = name.removesuffix("/mask")
      self.assertAllEqual(initial(run)[layer], dense[layer] * mask)
    self.assertAllEqual(initial(run)["output_weights"], dense["output_weights"])

  def test_tickets_for_answers_rewind_their_head_too(self):
    printed = self.answers()
    found, dense = (initial(run, "squad_v1") for run in ("imp-40", "dense"))
    for name in ("cls/squad/output_weights", "cls/squad/output_bias"):
      self.assertAllEqual(found[name], dense[name])
    self.assertNotAllEqual(final("imp-40", "squad_v1")["cls/squad/output_weights"], dense["cls/squad/output_weights"])
    self.assertAllClose(sparsity(found), 0.4, atol=1e-3)
    self.assertRegex(
      printed, r"sparsity +MB +EM +F1 +run\n +0% +[\d.]+ +[\d.]+ +[\d.]+ +dense, dev\n +40% .* imp-40, dev\n"
    )
    self.assertIn("questions:40|", run_files.result(run_folder("imp-40", "squad_v1"))["signatures"]["exact_match"])

  def test_heads_are_removed_as_a_whole(self):
    printed = chain("--levels=50", "--variant=heads")
    masks, heads = masks_of(initial("imp+heads-50")), presets.BERT_SIZES[tiny_bert.SET].num_heads
    removed = []
    for layer in range(2):
      attention = f"bert/encoder/layer_{layer}/attention"
      kernels = [masks[f"{attention}/self/{part}/kernel/mask"].T for part in ("query", "key", "value")]
      kernels.append(masks[f"{attention}/output/dense/kernel/mask"])
      for mask in kernels:
        by_head = mask.reshape(heads, -1)
        self.assertAllEqual(by_head.all(axis=1), by_head.any(axis=1))
        self.assertAllEqual(by_head.any(axis=1), kernels[0].reshape(heads, -1).any(axis=1))
      removed += [*~kernels[0].reshape(heads, -1).any(axis=1)]
      self.assertTrue(masks[f"bert/encoder/layer_{layer}/intermediate/dense/kernel/mask"].all())
    self.assertEqual(sum(removed), len(removed) // 2)
    pretrained = tensor_bundle.read(os.path.join(folder(), "bert", "bert_model.ckpt"))
    for name in layers.prunable(pretrained):
      self.assertAllEqual(initial("imp+heads-50")[name], pretrained[name] * masks[layers.mask_name(name)])
    self.assertRegex(printed, r"23\.5\d*% .* imp\+heads-50, dev, 50% of the attention heads\n")

  def test_each_matrix_can_be_pruned_by_itself(self):
    self.rounds()
    chain("--levels=40", "--variant=layer_magnitude")
    of_layers, together = (masks_of(initial(run)) for run in ("imp+layer_magnitude-40", "imp-40"))
    for mask in of_layers.values():
      self.assertAllClose(mask.mean(), 0.6, atol=1 / mask.size)
    self.assertAllClose(
      *(np.concatenate([mask.ravel() for mask in found.values()]).mean() for found in (of_layers, together)), atol=1e-3
    )
    self.assertGreater(np.ptp([mask.mean() for mask in together.values()]), 0.05)

  def test_mlps_are_removed_with_their_biases_which_stay_0(self):
    run = "imp+heads_mlps-50"
    printed = chain("--levels=50", "--variant=heads_mlps", "--controls=bad_mask running_sum")
    removed = {}
    for name in (run, f"{run}+bad_mask", f"{run}+running_sum"):
      first, last = initial(name), final(name)
      groups = structures.groups(methods.HEADS_MLPS, structures.shapes_of(first), 2)
      found = structures.removed(methods.HEADS_MLPS, last, 2)
      self.assertEqual([one[1:] for one in structures.together(found).values()], [(2, 4), (1, 2)])
      removed[name] = []
      for group in groups:
        alive = group.alive({layer: first[layers.mask_name(layer)].astype(bool) for layer in group.parts})
        shapes = structures.shapes_of(first)
        for part, mask in {**group.masks(alive, shapes), **group.bias_masks(alive, shapes)}.items():
          for values in (first, last):
            self.assertFalse(np.any(values[part].view(np.uint32)[~mask]), part)
          # A key's bias adds the same to all logits of a query: it has no gradient.
          if mask.any() and not part.endswith("key/bias"):
            self.assertNotAllEqual(first[part][mask], last[part][mask])
        removed[name] += [(group.name, member) for member in np.flatnonzero(~alive)]
    # Half of both: the bad ticket is the rest.
    self.assertEmpty({*removed[run]} & {*removed[f"{run}+bad_mask"]})
    self.assertRegex(printed, r"% .* imp\+heads_mlps-50, dev, 50% of the attention heads and MLPs\n")
    self.assertRegex(printed, rf"{re.escape(run)}: .*; 2 of 4 attention heads removed; 1 of 2 MLPs removed\n")
    with open(paths.train_log(run_folder(f"{run}+running_sum")), encoding="utf-8") as log:
      self.assertRegex(log.read(), "Ticket: mask of .*/dense/.*score='running_sum'")

  def test_the_report_has_a_column_of_the_method(self):
    self.rounds()
    out = self.create_tempdir().full_path
    study = studies.read(os.path.join(folder(), "runs"), problem="glue_rte", size=tiny_bert.SET)
    # With its data too, which have no text to translate.
    for data_dir in (None, os.path.join(folder(), "data")):
      self.assertEqual(builder.report(study, out, data_dir, 100, learning_curves=False), [])
      self.assertTrue(os.path.exists(os.path.join(out, "index.html")))
      os.remove(os.path.join(out, "index.html"))
    with open(os.path.join(out, "table.md"), encoding="utf-8") as file:
      self.assertIn("IMP", file.read())

  def test_commands_of_translation_say_that_there_is_no_text(self):
    self.rounds()
    data_dir = os.path.join(folder(), "data")
    # As connectivity and the report's speeds read it.
    for split in ("dev", "test"):
      with self.assertRaisesRegex(errors.UserError, "^the data of glue_rte in .* have no text to translate: "):
        manifest.raw_text("glue_rte", data_dir, split)
    # Data are complete, so the name would be taken for that of a problem of translation.
    for problem in ("glue_rte", "squad_v1", "mlm_text"):
      with self.assertRaisesRegex(
        errors.UserError, f"^{problem} is a task of BERT: use imp.sh, with --checkpoint=FOLDER"
      ):
        problem_check.check(problem, data_dir)

  @parameterized.parameters(
    (["--checkpoint="], "give --checkpoint=DIR, the folder of a pre-trained BERT"),
    (["--size=tiny"], "--size has no effect in imp.sh"),
    (["--decoder=t2t"], "--decoder has no effect in imp.sh"),
    (
      ["--variant=global_magnitude"],
      "--variant=global_magnitude has no effect: imp ranks the weights of all layers together",
    ),
    *(
      (
        [f"--variant={variant}", "--ticket_from=glue_cola"],
        f"of all single weights together: leave out --variant={variant}",
      )
      for variant in ("heads", "layer_magnitude")
    ),
    (["--variant=mlps", "--controls=shuffled_mask"], "shuffled_mask shuffles within layers, which have one MLP each"),
    (["--controls=running_sum"], "the control running_sum is of the gradients of heads and MLPs"),
    (["--ticket_from=glue_rte"], "--ticket_from=glue_rte: give another task than --problem=glue_rte"),
    (["--ticket_from=glue_cola", "--controls=random_mask"], "random_mask has no effect with --ticket_from"),
    (["--levels=50 40"], "levels must increase"),
    (["--rewind_steps=0 100%"], "the end of a run is the end of the last level's: leave out 100%$"),
    (["--rewind_steps=0 5", "--steps="], '--rewind_steps="0 5": give --steps, since the length is that of the task'),
    (["--rewind_steps=5", "--ticket_from=glue_cola"], "--ticket_from=glue_cola rewinds to step 0"),
  )
  def test_a_wrong_flag_is_one_line_before_anything_starts(self, words, message):
    done = driver(*flags(*words))
    self.assertEqual((done.returncode, done.stdout), (2, ""))
    self.assertRegex(done.stderr, f"^imp.sh: .*{message}.*\n$")

  @parameterized.parameters(
    (["--hparams_set=bert_miniature_2x128"], "position_embeddings of shape .512, 32.|word_embeddings of shape"),
    (["--hparams_set=transformer_tiny"], "is no set of a BERT"),
    (["--problem=translate_ende_grammar"], "translate_ende_grammar is no task of BERT"),
    (["--variant=mlps", "--levels=20"], "level 20: sparsity 0.2 removes none of the 2 MLPs of the model"),
    (["--variant=mlps", "--levels=50 60"], "level 60: removes as many MLPs as level 50: leave one of them out"),
    (["--checkpoint=/nowhere"], "--checkpoint=/nowhere contains no bert_model.ckpt.index"),
    (["--ticket_from=glue_sst"], "glue_sst is no task of BERT: did you mean glue_sst2"),
    (["--ticket_from=glue_sst2"], "no finished run imp-10 of glue_sst2"),
    (["--hparams=hiden_size=3"], "did you mean hidden_size"),
  )
  def test_what_does_not_fit_is_one_line_before_data_is_made(self, words, message):
    data_dir = os.path.join(self.create_tempdir().full_path, "data")
    done = driver(*flags(*words, f"--data_dir={data_dir}"))
    self.assertGreater(done.returncode, 0)
    self.assertRegex(done.stderr, f"^t2t-lottery: .*({message}).*\n$")
    self.assertFalse(os.path.exists(data_dir))

  @parameterized.parameters(
    ({"hidden_act": "gelu_new"}, "has hidden_act=gelu_new, but the run gelu=erf: give --hparams=gelu=tanh"),
    ({"num_attention_heads": 4}, "has num_attention_heads=4, but the run num_heads=2"),
  )
  def test_a_bert_of_another_form_is_refused(self, form, message):
    bert = tiny_bert.write_pretrained(os.path.join(self.create_tempdir().full_path, "bert"))
    hparams = {**presets.BERT_SIZES[tiny_bert.SET]._asdict(), "max_length": presets.BERT_POSITIONS, "gelu": "erf"}
    pretrained.check(bert, hparams)
    atomic_files.write_json(os.path.join(bert, "bert_config.json"), form)
    with self.assertRaisesRegex(errors.UserError, f"bert_config.json {message}"):
      pretrained.check(bert, hparams)

  def test_a_bert_with_too_few_positions_is_noticed_before_data_is_made(self):
    whole = tiny_bert.write_pretrained(os.path.join(self.create_tempdir().full_path, "whole"))
    bert = os.path.join(self.create_tempdir().full_path, "bert")
    values = tensor_bundle.read(os.path.join(whole, presets.BERT_CHECKPOINT))
    values["bert/embeddings/position_embeddings"] = values["bert/embeddings/position_embeddings"][:100]
    tf_checkpoint.write(os.path.join(bert, presets.BERT_CHECKPOINT), values)
    shutil.copy(os.path.join(whole, presets.BERT_VOCABULARY), bert)
    data_dir = os.path.join(bert, "data")
    done = driver(*flags(f"--checkpoint={bert}", f"--data_dir={data_dir}", "--hparams=max_length=100"))
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    self.assertRegex(
      done.stderr, "position embeddings for 100 pieces, but an example of glue_rte may have 128: give another"
    )
    self.assertFalse(os.path.exists(data_dir))

  def test_a_damaged_bert_is_noticed_before_data_is_made(self):
    bert = tiny_bert.write_pretrained(os.path.join(self.create_tempdir().full_path, "bert"))
    prefix = os.path.join(bert, presets.BERT_CHECKPOINT)
    os.truncate(f"{prefix}.data-00000-of-00001", 200)
    data_dir = os.path.join(bert, "data")
    done = driver(*flags(f"--checkpoint={bert}", f"--data_dir={data_dir}"))
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    self.assertRegex(done.stderr, "^t2t-lottery: .*is truncated.*: download or convert this BERT again\n$")
    self.assertFalse(os.path.exists(data_dir))
    os.truncate(f"{prefix}.index", 20)
    with self.assertRaisesRegex(errors.UserError, "not a TensorFlow checkpoint.*: download or convert this BERT again"):
      pretrained.vocabulary_size(bert)


if __name__ == "__main__":
  tf.test.main()
