"""`--hparams_set`: sets of a transformer are accepted and scaled, others rejected with the nearest names."""

import os

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.models import transformer
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from t2t_lottery.pruning import layers
from t2t_lottery.reproduce import set_check
from t2t_lottery.reproduce.planning import driver_flags
from t2t_lottery.runs import config, paths, presets
from t2t_lottery.utils import errors
from tests.run_scripts.drivers_test import trainer_command
from tests.support import trained


@registry.register_hparams
def set_check_test_own():
  hparams = transformer.transformer_tiny()
  hparams.hidden_size = 48
  hparams.add_hparam("of_the_user", 3)
  return hparams


def settings(base_set, steps=presets.PAPER.train_steps, hparams="", **overrides):
  where = paths.Runs("runs", "translate_p", base_set, 1)
  size = presets.SIZES["base"]
  return config.Settings(where, size, presets.for_length(steps), overrides, hparams, "data", "tmp", base_set=base_set)


class SetCheckTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    ("transformer_relativ", "^unknown hparams set transformer_relativ: did you mean transformer_relative or"),
    ("zzz", "^unknown hparams set zzz: did you mean transformer_base"),
    ("universal_transformer_base", r"is for another model of t2t \(universal_transformer\): did you mean"),
    ("transformer_moe_base", r"is for another model of t2t \(transformer_moe\): did you mean transformer_base"),
    ("transformer_topk_16_packed", "is for another model of t2t, with [a-z_]+: did you mean transformer_"),
    ("basic_1", "is not of a transformer: it has no attention_dropout: did you mean"),
    ("transformer_slt_tiny", "already has a method's pruning"),
    ("tiny", "is the name of a size: give --size=tiny"),
  )
  def test_a_set_that_is_not_of_a_transformer_is_a_usage_error(self, name, message):
    with self.assertRaisesRegex(errors.UsageError, message):
      set_check.complete(settings(name))

  @parameterized.parameters(
    ("transformer_relative", "", "pos is None, not 'timing': add --decoder=t2t"),
    (
      "transformer_base",
      "attention_variables_3d=True",
      "attention_variables_3d=True stores attention kernels in three",
    ),
    ("transformer_base", "ffn_layer=local_moe_tpu", "ffn_layer=local_moe_tpu has weights that would stay dense"),
    ("transformer_base", "num_heads=3", "num_heads=3 does not divide hidden_size=512"),
  )
  def test_a_model_that_cannot_be_pruned_or_translated_is_rejected_by_name(self, name, hparams, message):
    with self.assertRaisesRegex(errors.UserError, f"^--hparams_set={name}.*{message}"):
      set_check.complete(settings(name, hparams=hparams), "ctranslate2")

  def test_an_unknown_hparam_is_a_usage_error_with_the_nearest_name(self):
    with self.assertRaisesRegex(errors.UsageError, "has no hparam hiden_size: did you mean hidden_size"):
      set_check.complete(settings("transformer_base", hparams="hiden_size=8"))
    with self.assertRaisesRegex(errors.UsageError, "^--hparams: .*hidden_size"):
      set_check.complete(settings("transformer_base", hparams="hidden_size=wide"))

  def test_a_users_set_may_have_hparams_of_its_own(self):
    made = set_check.complete(settings("set_check_test_own", 5_000, "of_the_user=4", rewind_step=7), "ctranslate2")
    self.assertEqual((made.size.hidden_size, made.size.num_hidden_layers), (48, 2))
    stock = transformer.transformer_tiny()
    self.assertEqual(made.overrides["learning_rate_warmup_steps"], round(stock.learning_rate_warmup_steps / 100))
    self.assertEqual(made.overrides["rewind_step"], 7)
    self.assertEqual(made.overrides["prune_until"], 4_000)

  def test_a_run_of_the_papers_length_keeps_the_set(self):
    self.assertEqual(set_check.complete(settings("transformer_base")).overrides, {})

  def test_relative_positions_stay_dense(self):
    table = "transformer/body/encoder/layer_0/self_attention/multihead_attention/dot_product_attention_relative"
    for which in ("keys", "values"):
      name = f"{table}/relative_positions_{which}/embeddings"
      layers.check_known({name: [41, 32]})
      self.assertFalse(layers.is_prunable(name))

  def test_names_of_runs_and_commands_contain_the_set(self):
    ticket = ["--method=slt", "--level=50", "--mask_from=dense", "--runs_dir=/r"]
    command = trainer_command(*ticket, size="--hparams_set=transformer_big")
    self.assertContainsSubset(
      ["--hparams_set=transformer_big+slt", "--output_dir=/r/p/transformer_big/seed1/r"], command
    )

  @pytest.mark.slow
  def test_steps_reject_it_before_they_write_anything(self):
    root = self.create_tempdir().full_path
    flags = [f"--runs_dir={root}/runs", f"--data_dir={root}/data", f"--tmp_dir={root}/tmp"]
    for step in ("datagen", "train", "reproduce"):
      more = ["--run=dense"] if step == "train" else []
      done = trained.command(step, "--problem=translate_ende_grammar", "--hparams_set=transformer_bas", *flags, *more)
      self.assertEqual(done.returncode, 2)
      self.assertRegex(done.stderr, r"t2t-lottery: unknown hparams set transformer_bas: did you mean transformer_base ")
    self.assertEqual(os.listdir(root), [])

  def test_a_set_and_a_size_contradict_each_other(self):
    driver = driver_flags.Driver("slt.sh", "", unused=("--checkpoint",))
    with self.assertRaisesRegex(errors.UserError, "includes a size: leave out --size=tiny"):
      driver_flags.read(driver, ["--hparams_set=transformer_big", "--size=tiny"])

  def test_a_driver_passes_the_set_to_its_steps_and_its_name_to_the_report(self):
    code = driver_flags.read(
      driver_flags.Driver("slt.sh", "", unused=("--checkpoint",)), ["--hparams_set=transformer_big", "--decoder=t2t"]
    )
    arrays = dict(line.split("=", 1) for line in code.splitlines())
    self.assertIn("--hparams_set=transformer_big", arrays["common"])
    self.assertNotIn("--size", arrays["common"])
    self.assertIn("--size=transformer_big", arrays["location"])
    self.assertIn("--decoder=t2t", arrays["text"])


if __name__ == "__main__":
  tf.test.main()
