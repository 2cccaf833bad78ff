"""Bad hparams end a run in one line, before its graph is built and with nothing written."""

import json
import os
import subprocess
import sys
import types

import numpy as np
import tensorflow.compat.v1 as tf
import trained
from absl.testing import parameterized
from tensor2tensor.utils import trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery import checkpoints, hosts, run_check
from t2t_lottery.errors import UserError


class RunCheckTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained()
    cls.places = {
      "dense": cls.runs.last("dense"),
      "theta_0": cls.runs.initial("dense"),
      "theta_t": cls.runs.early("dense"),
      "slt90": cls.runs.last("slt-90"),
      "slt90_t": cls.runs.early("slt-90"),
    }

  def hparams(self, hparams_set, overrides):
    hparams = trainer_lib.create_hparams(hparams_set, overrides.format(**self.places))
    hparams.add_hparam("model_dir", self.create_tempdir().full_path)
    hparams.add_hparam("data_dir", self.runs.data_dir)
    trainer_lib.add_problem_hparams(hparams, trained.PROBLEM)
    return hparams

  def check(self, overrides, hparams_set="transformer_slt_tiny"):
    run_check.check(self.hparams(hparams_set, overrides))

  @parameterized.parameters(
    ("transformer_slt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5"),
    ("transformer_lt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_0},sparsity=0.5"),
    ("transformer_slt_tiny", "mask_checkpoint={slt90},rewind_checkpoint={slt90_t},sparsity=0.9"),
    ("transformer_dense_tiny", ""),
    ("transformer_mp_tiny", "sparsity=0.9"),
    (
      "transformer_slt_mp_tiny",
      "mask_checkpoint={dense},rewind_checkpoint={theta_t},initial_sparsity=0.6,sparsity=0.9",
    ),
    ("transformer_clt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5,ticket_signs=random"),
  )
  def test_takes_what_is_right(self, hparams_set, overrides):
    self.check(overrides, hparams_set)

  @parameterized.parameters(
    ("sparsity=1.0", r"sparsity is 1.0, but .* \[0, 1\)"),
    ("sparsity=-0.1", r"sparsity is -0.1, but .* \[0, 1\)"),
    ("sparsity=50", r"sparsity is 50.0, but .* \[0, 1\)"),
    ("mask_checkpoint={slt90},sparsity=0.5", "sparsity 0.5 is below that of .*does not come back"),
    ("mask_checkpoint=", "pruning_method=slt needs mask_checkpoint"),
    ("rewind_checkpoint=", "pruning_method=slt needs rewind_checkpoint"),
    (
      "mask_checkpoint=/nowhere/model.ckpt-7",
      "mask_checkpoint: no checkpoint /nowhere/model.ckpt-7",
    ),
    (
      "rewind_checkpoint={theta_0}",
      "rewind_checkpoint: .* is at step 0, but slt rewinds to a step after 0",
    ),
    ("pruning_method=lt", "is at step 5, but lt rewinds to step 0"),
    ("pruning_method=magic", "pruning_method=magic is none of dense, mp, lt, slt, clt, slt_mp, mp_slt"),
    ("pruning_method=dense", "dense takes no mask_checkpoint and rewind_checkpoint.* transformer_slt"),
    ("pruning_method=mp", "mp takes no mask_checkpoint and rewind_checkpoint.* transformer_slt"),
    ("pruning_method=dense,mask_checkpoint=,rewind_checkpoint=", "dense takes no sparsity"),
    ("initial_sparsity=0.2", "slt takes no initial_sparsity"),
    ("pruning_method=slt_mp,initial_sparsity=0.6", "from initial_sparsity=0.6 to sparsity=0.5: .*the second larger"),
    ("pruning_method=slt_mp,sparsity=1.0", r"shares in \[0, 1\)"),
    ("pruning_method=slt_mp,prune_every=0", "prune_every=0 and prune_until=2400 leave no step"),
    ("pruning_method=slt_mp,prune_until=10", "prune_every=60 and prune_until=10 leave no step"),
    ("ticket_score=magic", "ticket_score=magic is none of magnitude, random, snip, synflow"),
    ("ticket_scope=magic", "ticket_scope=magic is none of layer, global"),
    ("ticket_values=magic", "ticket_values=magic is none of rewound, constant, redrawn, permuted"),
    ("ticket_signs=magic", "ticket_signs=magic is none of kept, random"),
    ("embedding_fan=magic", "embedding_fan=magic is none of shape, hidden"),
    ("grad_noise_scale=0.1", "grad_noise_scale=0.1 would move pruned weights"),
    (
      "hidden_size=64",
      r"another model or vocabulary: this run has transformer/symbol_modality_\d+_64/shared/weights_0,"
      r" it has transformer/symbol_modality_\d+_128/shared/weights_0",
    ),
    (
      "filter_size=256",
      r"transformer/body/encoder/layer_1/ffn/conv1/kernel has shape \[128, 512\], in this run "
      r"\[128, 256\]",
    ),
    (
      "num_hidden_layers=3",
      "this run has transformer/body/encoder/layer_2/ffn/conv1/kernel, it has none",
    ),
    (
      "num_hidden_layers=1",
      "of another model: it has transformer/body/decoder/layer_1/.*, this run has not",
    ),
  )
  def test_refuses(self, overrides, message):
    good = {"mask_checkpoint": "{dense}", "rewind_checkpoint": "{theta_t}", "sparsity": "0.5"}
    good.update(pair.split("=") for pair in overrides.split(","))
    with self.assertRaisesRegex(UserError, message) as caught:
      self.check(",".join("=".join(pair) for pair in good.items()))
    self.assertNotIn("\n", str(caught.exception))

  def test_refuses_a_folder_without_checkpoint_and_a_truncated_checkpoint(self):
    empty = self.create_tempdir().full_path
    with self.assertRaisesRegex(UserError, f"the folder {empty} holds no checkpoint"):
      self.check(f"mask_checkpoint={empty},rewind_checkpoint={{theta_t}},sparsity=0.5")
    prefix = os.path.join(empty, "model.ckpt-5")
    for end in (".index", ".data-00000-of-00001"):
      with open(prefix + end, "wb") as file:
        file.write(b"not a checkpoint")
    with self.assertRaisesRegex(UserError, f"mask_checkpoint: cannot read {prefix}"):
      self.check(f"mask_checkpoint={prefix},rewind_checkpoint={{theta_t}},sparsity=0.5")

  def test_refuses_a_rewind_checkpoint_that_has_pruned_what_the_mask_keeps(self):
    from t2t_lottery import tickets

    dense = checkpoints.Checkpoint(self.places["dense"], "mask_checkpoint")
    pruned = checkpoints.Checkpoint(self.places["slt90_t"], "rewind_checkpoint")
    with self.assertRaisesRegex(UserError, "has pruned weights of .* that the mask keeps"):
      tickets.draw(dense, pruned, tickets.Choices(0.5), dense.layers)

  def test_refuses_weights_that_are_not_numbers(self):
    from t2t_lottery import tickets

    good = checkpoints.Checkpoint(self.places["dense"], "mask_checkpoint")
    values = {name: good.read(name).copy() for name in good.layers}
    values[good.layers[0]].flat[3] = np.nan
    prefix = os.path.join(self.create_tempdir().full_path, "bad", "model.ckpt-1")
    checkpoints.write(prefix, values)
    with self.assertRaisesRegex(UserError, f"{good.layers[0]} of .* NaN"):
      tickets.draw(checkpoints.Checkpoint(prefix, "mask_checkpoint"), good, tickets.Choices(0.5), good.layers)

  def test_t2t_trainer_ends_with_one_line_and_leaves_nothing(self):
    folder = os.path.join(self.create_tempdir().full_path, "run")
    done = subprocess.run(
      [
        os.path.join(os.path.dirname(sys.executable), "t2t-trainer"),
        f"--t2t_usr_dir={os.path.join(trained.ROOT, 'usr_dir')}",
        f"--problem={trained.PROBLEM}",
        f"--data_dir={self.runs.data_dir}",
        f"--output_dir={folder}",
        "--model=lottery_transformer",
        "--hparams_set=transformer_slt_tiny",
        "--worker_gpu=0",
        "--schedule=train",
        f"--hparams=mask_checkpoint={self.places['slt90']},rewind_checkpoint={self.places['slt90_t']},sparsity=0.5",
      ],
      check=False,
      capture_output=True,
      text=True,
    )
    self.assertEqual(done.returncode, 1)
    self.assertStartsWith(done.stderr.splitlines()[-1], "t2t-lottery: sparsity 0.5 is below that of")
    self.assertNotIn("Traceback", done.stderr)
    self.assertFalse(os.path.exists(folder))


class CheckDevicesTest(parameterized.TestCase, tf.test.TestCase):
  def check(self, hparams_set, overrides="", tf_config=None, **config):
    hparams = trainer_lib.create_hparams(hparams_set, overrides)
    of_run = types.SimpleNamespace(**{"train_distribute": None, **config})
    with tf.test.mock.patch.dict(os.environ, {hosts.VARIABLE: json.dumps(tf_config or {})}):
      run_check.check_devices(hparams, of_run)

  @parameterized.parameters(
    {"train_distribute": "a strategy"},
    {"use_xla": True},
    {"tf_config": {"cluster": {"ps": ["a:1"], "master": ["b:1"]}}},
  )
  def test_snip_needs_one_device(self, **where):
    self.check("transformer_lt_tiny", "ticket_score=snip")
    self.check("transformer_lt_tiny", **where)
    with self.assertRaisesRegex(UserError, "ticket_score=snip takes gradients on one device"):
      self.check("transformer_lt_tiny", "ticket_score=snip", **where)

  def test_several_masters_cannot_prune_while_they_train(self):
    cluster = {"ps": ["a:1"], "chief": ["b:1"], "worker": ["c:1"]}
    masters = {"cluster": cluster, "task": {"type": "chief", "index": 0}}
    self.check("transformer_slt_tiny", tf_config=masters)
    self.check("transformer_mp_tiny", tf_config={"cluster": {"ps": ["a:1"], "master": ["b:1"]}})
    with self.assertRaisesRegex(UserError, "pruning_method=mp prunes while it trains"):
      self.check("transformer_mp_tiny", tf_config=masters)


if __name__ == "__main__":
  tf.test.main()
