"""Invalid hparams stop a run with one line, before its graph is built and anything is written."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, masks, methods
from t2t_lottery.runs import presets
from t2t_lottery.training import hparams_check
from t2t_lottery.utils import tf_config as cluster_config
from t2t_lottery.utils.errors import UserError
from tests.support import small_model

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class RunCheckTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    small = small_model.SmallModel(os.path.join(folder, "small"))
    cls.data_dir = small.data_dir
    pruned = {
      layers.mask_name(name): masks.magnitude_mask(small.variables[name], 0.9)
      for name in layers.prunable(small.variables)
    }
    cls.checkpoints = {}
    for name, step, more in (
      ("dense", 100, {}),
      ("theta_0", 0, {}),
      ("theta_t", 5, {}),
      ("slt90", 100, pruned),
      ("slt90_t", 5, pruned),
    ):
      cls.checkpoints[name] = os.path.join(folder, name, "model.ckpt")
      tf_checkpoint.write(cls.checkpoints[name], {**small.variables, **more, "global_step": np.int64(step)})

  def hparams(self, hparams_set, overrides, **flags):
    hparams = trainer_lib.create_hparams(hparams_set, overrides.format(**self.checkpoints))
    hparams.add_hparam("model_dir", self.create_tempdir().full_path)
    hparams.add_hparam("data_dir", self.data_dir)
    for name, value in flags.items():
      hparams.add_hparam(name, value.format(**self.checkpoints) if isinstance(value, str) else value)
    trainer_lib.add_problem_hparams(hparams, small_model.PROBLEM)
    return hparams

  def check(self, overrides, hparams_set="transformer_slt_tiny", **flags):
    hparams_check.check(self.hparams(hparams_set, overrides, **flags))

  @parameterized.parameters(
    ("transformer_slt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5"),
    ("transformer_lt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_0},sparsity=0.5"),
    ("transformer_slt_tiny", "mask_checkpoint={slt90},rewind_checkpoint={slt90_t},sparsity=0.9"),
    ("transformer_lrr_tiny", "mask_checkpoint={slt90},sparsity=0.9"),
    ("transformer_finetune_tiny", "mask_checkpoint={dense},sparsity=0.5,schedule_from=100"),
    ("transformer_dense_tiny", ""),
    ("transformer_mp_tiny", "sparsity=0.9"),
    (
      "transformer_slt_mp_tiny",
      "mask_checkpoint={dense},rewind_checkpoint={theta_t},initial_sparsity=0.6,sparsity=0.9",
    ),
    ("transformer_clt_tiny", "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5,ticket_signs=random"),
    (
      "transformer_slt_tiny",
      "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5,ticket_structure=units,ticket_score=activation",
    ),
  )
  def test_accepts_valid_hparams(self, hparams_set, overrides):
    self.check(overrides, hparams_set)

  @parameterized.parameters(
    ("sparsity=1.0", r"sparsity is 1.0, but .* \[0, 1\)"),
    ("sparsity=-0.1", r"sparsity is -0.1, but .* \[0, 1\)"),
    ("sparsity=50", r"sparsity is 50.0, but .* \[0, 1\)"),
    ("mask_checkpoint={slt90},sparsity=0.5", "sparsity 0.5 is below that of .*pruned weights are never restored"),
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
    (
      "pruning_method=magic",
      "pruning_method=magic is not one of dense, mp, lt, slt, clt, slt_mp, mp_slt, lrr, finetune",
    ),
    ("pruning_method=dense", "dense takes no mask_checkpoint and rewind_checkpoint.* transformer_slt"),
    ("pruning_method=mp", "mp takes no mask_checkpoint and rewind_checkpoint.* transformer_slt"),
    ("pruning_method=dense,mask_checkpoint=,rewind_checkpoint=", "dense takes no sparsity"),
    ("initial_sparsity=0.2", "slt takes no initial_sparsity"),
    ("pruning_method=slt_mp,initial_sparsity=0.6", "from initial_sparsity=0.6 to sparsity=0.5: .*the second larger"),
    ("pruning_method=slt_mp,sparsity=1.0", r"both must be in \[0, 1\)"),
    ("pruning_method=slt_mp,prune_every=0", "prune_every=0 and prune_until=2400 leave no step"),
    ("pruning_method=slt_mp,prune_until=10", "prune_every=60 and prune_until=10 leave no step"),
    (
      "ticket_score=magic",
      "ticket_score=magic is not one of magnitude, random, snip, synflow, supermask, activation, gradient",
    ),
    ("ticket_structure=magic", "ticket_structure=magic is not one of weights, units, heads"),
    ("ticket_score=activation", "ticket_score=activation is that of units: use ticket_structure=units"),
    (
      "ticket_structure=units,ticket_score=snip",
      "ticket_score=snip does not fit ticket_structure=units: use activation, magnitude, random",
    ),
    ("ticket_structure=units,ticket_score=gradient", "ticket_score=gradient is that of heads"),
    ("ticket_score=gates", "ticket_score=gates is that of heads: use ticket_structure=heads"),
    ("gates_steps=3", "gates_steps=3 has no effect with ticket_score=magnitude: use ticket_score=gates"),
    (
      "ticket_structure=heads,ticket_scope=global,ticket_score=gates,gates_penalty=-1",
      "gates_penalty=-1 is invalid: must be at least 0",
    ),
    (
      "ticket_structure=heads,ticket_scope=global,ticket_score=gates,gates_steps=0",
      "gates_steps=0 is invalid: must be greater than 0",
    ),
    (
      "ticket_structure=heads,ticket_score=gradient",
      "ticket_scope=layer does not fit ticket_structure=heads: use global",
    ),
    (
      "ticket_structure=heads,ticket_scope=global,sparsity=0.99",
      "leaves none of the 24 heads of the model: use a lower one",
    ),
    (
      "ticket_structure=heads,ticket_scope=global,sparsity=0.02",
      "sparsity 0.02 removes none of the 24 heads of the model: use a higher one",
    ),
    ("ticket_structure=units,ticket_scope=global", "ticket_scope=global does not fit ticket_structure=units"),
    ("ticket_structure=units,prune_embedding=False", "prune_embedding=False does not fit ticket_structure=units"),
    (
      "ticket_structure=units,sparsity=0.9995",
      "leaves none of the 512 units of a feed-forward block: use a lower one",
    ),
    ("pruning_method=slt_mp,initial_sparsity=0.3,ticket_structure=units", "takes no ticket_structure=units"),
    ("ticket_scope=magic", "ticket_scope=magic is not one of layer, global"),
    ("ticket_values=magic", "ticket_values=magic is not one of rewound, constant, redrawn, permuted, reinitialized"),
    ("ticket_signs=magic", "ticket_signs=magic is not one of kept, random"),
    ("embedding_fan=magic", "embedding_fan=magic is not one of shape, hidden"),
    ("data_seed=-2", "data_seed=-2 is invalid: must be at least 0, or -1 for the seed of the run"),
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
      "from another model: it has transformer/body/decoder/layer_1/.*, this run does not",
    ),
  )
  def test_rejects(self, overrides, message):
    good = {"mask_checkpoint": "{dense}", "rewind_checkpoint": "{theta_t}", "sparsity": "0.5"}
    good.update(pair.split("=") for pair in overrides.split(","))
    with self.assertRaisesRegex(UserError, message) as caught:
      self.check(",".join("=".join(pair) for pair in good.items()))
    self.assertNotIn("\n", str(caught.exception))

  @parameterized.parameters(
    ("batch_size=0", "batch_size=0 is invalid: must be at least 1"),
    ("batch_size=-1", "batch_size=-1 is invalid: must be at least 1"),
    ("num_hidden_layers=0", "num_hidden_layers=0 is invalid: must be at least 1"),
    ("num_encoder_layers=-1", "num_encoder_layers=-1 is invalid: must be at least 0"),
    ("hidden_size=0", "hidden_size=0 is invalid: must be at least 1"),
    ("filter_size=0", "filter_size=0 is invalid: must be at least 1"),
    ("num_heads=0", "num_heads=0 is invalid: must be at least 1"),
    ("num_heads=3", "num_heads=3 does not divide hidden_size=128"),
    ("attention_key_channels=130", "num_heads=4 does not divide attention_key_channels=130"),
    ("symbol_modality_num_shards=0", "symbol_modality_num_shards=0 is invalid: must be at least 1"),
    ("attention_dropout=1.0", r"attention_dropout=1.0 is not in \[0, 1\)"),
    ("relu_dropout=-0.1", r"relu_dropout=-0.1 is not in \[0, 1\)"),
    ("label_smoothing=1.5", r"label_smoothing=1.5 is not in \[0, 1\)"),
    ("learning_rate_constant=0.0", "learning_rate_constant=0.0 cannot reduce the loss"),
    ("learning_rate_warmup_steps=0", "learning_rate_warmup_steps=0 is invalid: rsqrt_decay needs at least 1"),
    ("max_length=1", "max_length=1 excludes all sentences"),
    ("max_length=-5", "max_length=-5 excludes all sentences"),
    ("rewind_also=5 x", "rewind_also=5 x is invalid: must be steps, separated by spaces"),
    ("rewind_step=-1", "rewind_step=-1 is invalid: must be at least 0"),
    ("weight_dtype=bfloat16", "weight_dtype=bfloat16 is not supported, .* activation_dtype=bfloat16"),
    ("weight_dtype=float16", "weight_dtype=float16 is not supported"),
    ("attention_variables_3d=True", "attention_variables_3d=True stores attention kernels in three dimensions"),
    ("ffn_layer=conv_relu_conv", "ffn_layer=conv_relu_conv has weights that would stay dense"),
    ("ffn_layer=none", "ffn_layer=none has weights"),
    ("optimizer=magic", "optimizer=magic is not one of .*adafactor"),
  )
  def test_rejects_a_model_that_cannot_be_trained_or_pruned(self, overrides, message):
    for hparams_set, more in (("transformer_dense_tiny", ""), ("transformer_mp_tiny", "sparsity=0.8,")):
      with self.assertRaisesRegex(UserError, message):
        self.check(more + overrides, hparams_set)

  @parameterized.parameters(
    ("slt", "", "slt needs sparsity"),
    ("lt", "sparsity=0.0", "lt needs sparsity"),
    ("mp", "", "mp cannot prune from initial_sparsity=0.0 to sparsity=0.0"),
    ("slt_mp", "sparsity=0.8", "slt_mp needs initial_sparsity"),
    (
      "mp",
      "sparsity=0.8,initial_sparsity=0.5",
      "mp takes no initial_sparsity=0.5, it draws no ticket: .*transformer_slt_mp",
    ),
    ("mp", "sparsity=0.8,ticket_scope=global", "mp takes no ticket_scope=global, it draws no ticket"),
    ("mp", "sparsity=0.8,ticket_score=synflow", "mp takes no ticket_score=synflow"),
    ("mp", "sparsity=0.8,ticket_values=constant", "mp takes no ticket_values=constant"),
    ("mp", "sparsity=0.8,ticket_signs=random", "mp takes no ticket_signs=random"),
    ("mp", "sparsity=0.8,shuffle_mask=True", "mp takes no shuffle_mask=True"),
    ("mp", "sparsity=0.8,embedding_fan=hidden", "mp takes no embedding_fan=hidden"),
    ("dense", "ticket_values=constant", "dense takes no ticket_values=constant, it is not pruned: .*transformer_slt"),
    ("dense", "initial_sparsity=0.5", "dense takes no initial_sparsity"),
    ("dense", "prune_embedding=False", "dense takes no prune_embedding=False, .*transformer_mp"),
    ("dense", "prune_every=7", "dense takes no prune_every=7: it does not prune during training"),
    ("slt", "sparsity=0.8,prune_until=7", "slt takes no prune_until=7"),
    (
      "slt",
      "sparsity=0.8,embedding_fan=hidden",
      "embedding_fan=hidden has no effect with ticket_values=rewound: use ticket_values=constant",
    ),
    (
      "slt",
      "sparsity=0.8,ticket_values=reinitialized,ticket_signs=random",
      "ticket_signs=random has no effect with ticket_values=reinitialized, whose signs are random already",
    ),
    ("slt_mp", "sparsity=0.8,initial_sparsity=0.5,ticket_scope=global", "slt_mp prunes layer by layer during training"),
    (
      "slt",
      "sparsity=0.8,ticket_score=synflow,shared_embedding_and_softmax_weights=False",
      "synflow needs shared_embedding_and_softmax_weights=True",
    ),
    ("mp", "sparsity=0.8,supermask_penalty=0.1", "mp takes no supermask_penalty=0.1, it draws no ticket"),
    (
      "lt",
      "sparsity=0.8,supermask_steps=7",
      "supermask_steps=7 has no effect with ticket_score=magnitude: use ticket_sc",
    ),
    (
      "lt",
      "sparsity=0.8,supermask_temperature=1",
      "supermask_temperature=1.0 has no effect with ticket_score=magnitude",
    ),
    (
      "lt",
      "sparsity=0.8,ticket_score=supermask,supermask_steps=0",
      "supermask_steps=0 is invalid: must be greater than 0",
    ),
    ("lt", "sparsity=0.8,ticket_score=supermask,supermask_temperature=0", "supermask_temperature=0 is invalid: must"),
    (
      "lt",
      "sparsity=0.8,ticket_score=supermask,supermask_penalty=-1",
      "supermask_penalty=-1 is invalid: must be at l",
    ),
    (
      "lt",
      "sparsity=0.8,schedule_from=5",
      "lt takes no schedule_from=5, it starts the .* at step 0: .*transformer_slt",
    ),
    (
      "lrr",
      "sparsity=0.8,schedule_from=5",
      "lrr takes no schedule_from=5, it starts the learning-rate schedule at step 0",
    ),
    ("mp", "sparsity=0.8,schedule_from=5", "mp takes no schedule_from=5"),
    ("slt", "sparsity=0.8,schedule_from=-5", "schedule_from=-5 is invalid: must be 0 or the step of rewind_checkpoint"),
    ("finetune", "sparsity=0.8", "schedule_from=0 is invalid: finetune needs the length of the run"),
    (
      "slt",
      "sparsity=0.8,schedule_from=5,learning_rate_schedule=constant*linear_warmup*linear_decay",
      "schedule_from=5 has no effect at the end of the run, where learning_rate_schedule=linear_decay is over",
    ),
    (
      "lrr",
      "sparsity=0.8,rewind_checkpoint={theta_t}",
      "lrr takes no rewind_checkpoint, it keeps the weights of its mask_checkpoint: use one of transformer_lt",
    ),
    ("slt", "sparsity=0.99999", "sparsity 0.99999 leaves none of the 16384 weights of a layer"),
    ("mp", "sparsity=0.99999", "sparsity 0.99999 leaves none of the 16384 weights of a layer"),
  )
  def test_rejects_hparams_without_effect_and_missing_ones(self, method, overrides, message):
    given = {
      "mask_checkpoint": "{dense}",
      "rewind_checkpoint": "{theta_0}" if methods.METHODS[method].rewinds_to == methods.INITIAL else "{theta_t}",
    }
    overrides = ",".join([*(f"{name}={given[name]}" for name in methods.METHODS[method].sources), overrides]).strip(",")
    with self.assertRaisesRegex(UserError, message) as caught:
      self.check(overrides, f"transformer_{method}_tiny")
    self.assertNotIn("\n", str(caught.exception))

  def test_the_schedule_starts_at_step_0_or_that_of_the_weights(self):
    sources = "mask_checkpoint={dense},rewind_checkpoint={theta_t},sparsity=0.5"
    for method in ("slt", "clt", "mp_slt"):
      self.check(f"{sources},schedule_from=5", f"transformer_{method}_tiny")
      with self.assertRaisesRegex(UserError, "schedule_from=7 is neither 0 nor the step of rewind_checkpoint .*: 5$"):
        self.check(f"{sources},schedule_from=7", f"transformer_{method}_tiny")

  @parameterized.parameters(*methods.METHODS)
  def test_each_hparam_of_pruning_is_checked(self, method):
    """All hparams that the hparams sets add are known to the check."""
    stock = registry.hparams("transformer_tpu").values()
    ours = set(registry.hparams(f"transformer_{method}_tiny").values()) - set(stock)
    self.assertEqual(ours, {*methods.HPARAMS, "pruning_method", *presets.PRUNING_STEPS})

  @parameterized.parameters("train", "train_and_evaluate", "continuous_train_and_eval", "train_eval_and_decode", None)
  def test_the_last_pruning_must_be_before_the_end_of_the_run(self, schedule):
    hparams = "sparsity=0.9,prune_until=200000,prune_every=1000"
    self.check(hparams, "transformer_mp_tiny", train_steps=200_001, schedule=schedule)
    for steps in (200_000, 100):
      with self.assertRaisesRegex(UserError, f"prune_until=200000 must be before the end .*train_steps={steps}:"):
        self.check(hparams, "transformer_mp_tiny", train_steps=steps, schedule=schedule)
    with self.assertRaisesRegex(UserError, "--train_steps=0 trains nothing"):
      self.check("", "transformer_dense_tiny", train_steps=0, schedule=schedule)

  @parameterized.parameters("evaluate", "continuous_eval", "decode", "continuous_decode_on_train_data")
  def test_schedules_that_do_not_train_ignore_the_number_of_steps(self, schedule):
    self.check("sparsity=0.9", "transformer_mp_tiny", train_steps=1, schedule=schedule)

  @parameterized.parameters("warm_start_from", "warm_start_from_second")
  def test_warm_start_from_a_pruned_checkpoint_is_an_error(self, flag):
    def check(method, path, overrides=""):
      if flag == "warm_start_from":
        self.check(overrides, f"transformer_{method}_tiny", warm_start_from=path)
      else:
        self.check(f"{overrides},{flag}={path}".lstrip(","), f"transformer_{method}_tiny")

    check("dense", "{dense}")
    with self.assertRaisesRegex(UserError, f"{flag}: .* is pruned, and dense would train without its mask: use"):
      check("dense", "{slt90}")
    with self.assertRaisesRegex(UserError, f"{flag}: no checkpoint /nowhere"):
      check("dense", "/nowhere/model.ckpt-1")
    for path in ("{dense}", "{slt90}"):
      with self.assertRaisesRegex(UserError, f"{flag} copies weights without a mask: .* _slt_mp"):
        check("mp", path, "sparsity=0.95")

  def test_unknown_matrix_stops_the_run_when_its_graph_is_built(self):
    """Before that, it is not known which of t2t's many hparams add a matrix."""
    hparams = self.hparams("transformer_dense_tiny", "pos=emb", warm_start_from=None)
    config = trainer_lib.create_run_config("lottery_transformer", model_dir=hparams.model_dir, num_gpus=0)
    with tf.Graph().as_default():
      tf.train.create_global_step()
      features = {name: tf.placeholder(tf.int32, [None, None, 1, 1], name) for name in ("inputs", "targets")}
      features["target_space_id"] = tf.constant(0)
      model_cls = registry.model("lottery_transformer")
      with self.assertRaisesRegex(
        SystemExit, r"^t2t-lottery: transformer/.*positional_embedding.* is neither a matrix that"
      ):
        model_cls.estimator_model_fn(hparams, features, features["targets"], tf.estimator.ModeKeys.TRAIN, config=config)

  def test_rejects_a_folder_without_checkpoint_and_a_damaged_checkpoint(self):
    empty = self.create_tempdir().full_path
    with self.assertRaisesRegex(UserError, f"the folder {empty} holds no checkpoint"):
      self.check(f"mask_checkpoint={empty},rewind_checkpoint={{theta_t}},sparsity=0.5")
    prefix = os.path.join(empty, "model.ckpt-5")
    for end in (".index", ".data-00000-of-00001"):
      with open(prefix + end, "wb") as file:
        file.write(b"not a checkpoint")
    with self.assertRaisesRegex(UserError, f"mask_checkpoint: cannot read {prefix}"):
      self.check(f"mask_checkpoint={prefix},rewind_checkpoint={{theta_t}},sparsity=0.5")

  def test_rejects_a_rewind_checkpoint_with_pruned_weights_that_the_mask_keeps(self):
    from t2t_lottery.pruning import tickets

    dense = tf_checkpoint.Checkpoint(self.checkpoints["dense"], "mask_checkpoint")
    pruned = tf_checkpoint.Checkpoint(self.checkpoints["slt90_t"], "rewind_checkpoint")
    with self.assertRaisesRegex(UserError, "has pruned weights of .* that the mask keeps"):
      tickets.draw(dense, pruned, tickets.TicketSpec(0.5), dense.layers)

  def test_nan_is_an_error(self):
    from t2t_lottery.pruning import tickets

    good = tf_checkpoint.Checkpoint(self.checkpoints["dense"], "mask_checkpoint")
    values = {name: good.read(name).copy() for name in good.layers}
    values[good.layers[0]].flat[3] = np.nan
    prefix = os.path.join(self.create_tempdir().full_path, "bad", "model.ckpt-1")
    tf_checkpoint.write(prefix, values)
    with self.assertRaisesRegex(UserError, f"{good.layers[0]} of .* NaN"):
      tickets.draw(tf_checkpoint.Checkpoint(prefix, "mask_checkpoint"), good, tickets.TicketSpec(0.5), good.layers)

  @pytest.mark.slow
  def test_t2t_trainer_stops_with_one_line_and_writes_nothing(self):
    folder = os.path.join(self.create_tempdir().full_path, "run")
    hparams = "mask_checkpoint={slt90},rewind_checkpoint={slt90_t},sparsity=0.5".format(**self.checkpoints)
    done = subprocess.run(
      [
        os.path.join(os.path.dirname(sys.executable), "t2t-trainer"),
        f"--t2t_usr_dir={os.path.join(ROOT, 'usr_dir')}",
        f"--problem={small_model.PROBLEM}",
        f"--data_dir={self.data_dir}",
        f"--output_dir={folder}",
        "--model=lottery_transformer",
        "--hparams_set=transformer_slt_tiny",
        "--worker_gpu=0",
        "--schedule=train",
        f"--hparams={hparams}",
      ],
      check=False,
      capture_output=True,
      text=True,
    )
    self.assertEqual(done.returncode, 1)
    self.assertStartsWith(done.stderr.splitlines()[-1], "t2t-lottery: sparsity 0.5 is below that of")
    self.assertNotIn("Traceback", done.stderr)
    self.assertFalse(os.path.exists(folder))


class LayersTest(parameterized.TestCase, tf.test.TestCase):
  def shapes(self):
    """Shapes of the paper's model."""
    with open(os.path.join(ROOT, "tests", "transformer_tpu_vars.txt"), encoding="utf-8") as file:
      rows = [line.split("\t") for line in file if not line.startswith("#")]
    return {row[0]: json.loads(row[1]) for row in rows}

  def test_every_variable_of_the_papers_model_is_known(self):
    layers.check_known(self.shapes())

  @parameterized.parameters(
    ("transformer/body/encoder/layer_0/self_attention/multihead_attention/q", [512, 8, 64]),
    ("transformer/body/encoder/layer_0/ffn/conv1/kernel", [3, 512, 2048]),
    ("transformer/body/encoder/layer_0/ffn/conv1/depthwise_kernel", [3, 1, 512, 1]),
    ("transformer/positional_embedding", [256, 512]),
  )
  def test_any_other_matrix_is_rejected_by_name(self, name, shape):
    with self.assertRaisesRegex(UserError, re.escape(f"{name} of shape {shape} is neither a matrix that")):
      layers.check_known({**self.shapes(), name: shape})


class CheckDevicesTest(parameterized.TestCase, tf.test.TestCase):
  def check(self, hparams_set, overrides="", tf_config=None, **config):
    hparams = trainer_lib.create_hparams(hparams_set, overrides)
    run_config = types.SimpleNamespace(**{"train_distribute": None, **config})
    with tf.test.mock.patch.dict(os.environ, {cluster_config.VARIABLE: json.dumps(tf_config or {})}):
      hparams_check.check_devices(hparams, run_config)

  @parameterized.parameters(
    {"train_distribute": "a strategy"},
    {"use_xla": True},
    {"tf_config": {"cluster": {"ps": ["a:1"], "master": ["b:1"]}}},
  )
  def test_scores_of_the_training_graph_need_one_device(self, **where):
    with self.assertRaisesRegex(UserError, "ticket_score=gradient takes gradients on one device"):
      self.check("transformer_slt_tiny", "ticket_score=gradient,ticket_structure=heads,ticket_scope=global", **where)
    with self.assertRaisesRegex(UserError, "ticket_score=activation takes activations on one device"):
      self.check("transformer_slt_tiny", "ticket_score=activation,ticket_structure=units", **where)
    self.check("transformer_lt_tiny", "ticket_score=snip")
    self.check("transformer_lt_tiny", **where)
    with self.assertRaisesRegex(UserError, "ticket_score=snip takes gradients on one device"):
      self.check("transformer_lt_tiny", "ticket_score=snip", **where)

  def test_several_masters_cannot_prune_during_training(self):
    cluster = {"ps": ["a:1"], "chief": ["b:1"], "worker": ["c:1"]}
    masters = {"cluster": cluster, "task": {"type": "chief", "index": 0}}
    self.check("transformer_slt_tiny", tf_config=masters)
    self.check("transformer_mp_tiny", tf_config={"cluster": {"ps": ["a:1"], "master": ["b:1"]}})
    with self.assertRaisesRegex(UserError, "pruning_method=mp prunes during training"):
      self.check("transformer_mp_tiny", tf_config=masters)


if __name__ == "__main__":
  tf.test.main()
