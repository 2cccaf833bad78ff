"""Output of `python -m t2t_lottery.inspect`."""

import json
import os
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

import usr_dir  # noqa: F401
from t2t_lottery import inspect
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import weight_statistics
from t2t_lottery.runs import model_source
from t2t_lottery.utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FFN = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
EMBEDDING = "transformer/symbol_modality_9_4/shared/weights_0"


class InspectTest(parameterized.TestCase, tf.test.TestCase):
  def checkpoint(self, name, ffn, mask=None, step=7):
    prefix = os.path.join(self.create_tempdir().full_path, name, f"model.ckpt-{step}")
    values = {FFN: np.array(ffn, np.float32), EMBEDDING: np.full((9, 4), 2, np.float32), "global_step": np.int64(step)}
    tf_checkpoint.write(prefix, values if mask is None else {**values, FFN + "/mask": np.array(mask, bool)})
    return prefix

  def test_figures_of_one_checkpoint(self):
    found = inspect.figures(inspect.read(self.checkpoint("one", [[3, -1, 0, 0]], mask=[[1, 1, 1, 0]])))
    self.assertEqual(found[FFN], {"sparsity": 0.25, "largest": 3, "mean": 4 / 3, "signs": None, "mask": None})
    self.assertEqual(found["total"]["sparsity"], 1 / 40)
    self.assertEqual(found["total"]["mean"], (4 + 72) / 39)

  def test_without_a_mask_nonzero_weights_are_kept(self):
    model = inspect.read(self.checkpoint("one", [[3, -1, 0, 0]]))
    self.assertEqual(inspect.figures(model)[FFN]["sparsity"], 0.5)

  def test_figures_compared_with_another_checkpoint(self):
    one = self.checkpoint("one", [[3, -1, 5, 0]], mask=[[1, 1, 1, 0]])
    other = self.checkpoint("other", [[-3, -2, 0, 4]], mask=[[1, 1, 0, 1]])
    found = inspect.figures(inspect.read(one), inspect.read(other))
    self.assertEqual((found[FFN]["signs"], found[FFN]["mask"]), (0.5, 0.5))
    self.assertEqual((found["total"]["signs"], found["total"]["mean"]), (37 / 38, (9 + 72) / 39))

  def test_statistics_of_parts_add_up(self):
    rng = np.random.RandomState(0)
    values = [rng.randn(60) * (rng.rand(60) < 0.5) for _ in range(2)]
    parts = [weight_statistics.layer_statistics(a, None, b) for a, b in zip(*(np.split(v, [10, 35]) for v in values))]
    expected = weight_statistics.layer_statistics(values[0], None, values[1])
    self.assertAllClose(weight_statistics.combined(parts), expected)

  def test_completely_pruned_structures(self):
    hidden, heads = 4, 2
    kernel = np.ones((hidden, hidden), np.float32)
    no_second_head, no_first_input, no_last_output = kernel.copy(), kernel.copy(), kernel.copy()
    no_second_head[:, 2:] = 0
    no_first_input[:2] = 0
    no_last_output[3] = 0
    embedding = np.ones((5, hidden), np.float32)
    embedding[[1, 4]] = 0
    block = "transformer/body/encoder/layer_{}/{}/multihead_attention/{}/kernel".format
    found = weight_statistics.emptied(
      {
        EMBEDDING: embedding,
        block(0, "self_attention", "v"): no_second_head,
        block(0, "self_attention", "output_transform"): no_first_input,
        block(1, "self_attention", "q"): no_second_head,
        block(1, "self_attention", "k"): no_last_output,
        block(2, "self_attention", "k"): 0 * kernel,
        FFN: no_second_head,
        FFN.replace("conv1", "conv2"): no_last_output,
      },
      heads,
    )
    name = "transformer/body/encoder/layer_{}/{}".format
    self.assertEqual((found.embedding_rows, found.vocabulary), (2, 5))
    self.assertEqual(found.layers, [block(2, "self_attention", "k")])
    self.assertEqual(found.heads, {name(i, "self_attention"): count for i, count in ((0, 2), (1, 1), (2, 2))})
    self.assertEqual(found.units, {name(0, "ffn"): 2})
    self.assertEqual(found.to_json(), {"embedding_rows": 2, "layers": 1, "heads": 5, "units": 2})
    self.assertIn("2 of 5 subwords have no embedding left", found.describe()[0])
    layer = "bert/encoder/layer_0"
    of_bert = {
      f"{layer}/attention/self/key/kernel": no_second_head,
      f"{layer}/attention/output/dense/kernel": no_first_input,
      f"{layer}/intermediate/dense/kernel": no_second_head,
      f"{layer}/output/dense/kernel": no_last_output,
    }
    self.assertEqual(weight_statistics.emptied(of_bert, heads).heads, {layer: 2})
    self.assertEqual(weight_statistics.emptied(of_bert).units, {layer: 2})

  def test_command_warns_of_completely_pruned_structures(self):
    pruned = self.checkpoint("pruned", [[3, 0], [-1, 0]])
    self.assertRegex(self.run_command(pruned).stdout, r"\n1 feed-forward units pruned completely: 1 in .*layer_0/ffn\n")
    self.assertEqual(json.loads(self.run_command(pruned, "--json").stdout)["emptied"]["units"], 1)

  def run_command(self, *arguments):
    return subprocess.run(
      [sys.executable, "-m", "t2t_lottery.inspect", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

  def test_command(self):
    one, other = self.checkpoint("one", [[3, -1, 5, 0]]), self.checkpoint("other", [[-3, -2, 0, 4]])
    lines = self.run_command(one).stdout.splitlines()
    self.assertEqual(lines[0].split(), ["sparsity", "largest", "mean", "layer"])
    self.assertEqual(lines[1].split(), ["25.00%", "5", "3", FFN])
    # A folder means its newest checkpoint.
    printed = json.loads(self.run_command(os.path.dirname(one), other, "--json").stdout)
    self.assertEqual(printed.pop("emptied"), inspect.emptied(inspect.read(one)).to_json())
    self.assertEqual(printed, inspect.figures(inspect.read(one), inspect.read(other)))

  def test_nonzero_pruned_weights_are_an_error(self):
    wrong = self.checkpoint("wrong", [[3, -1, 5, np.nan]], mask=[[1, 0, 1, 0]])
    found = inspect.figures(inspect.read(wrong))
    # 36 of the embedding's, and all four here.
    self.assertEqual((found[FFN]["sparsity"], found["total"]["sparsity"]), (0, 0))
    intact = self.checkpoint("intact", [[3, -0.0, 0, 0]], mask=[[1, 0, 1, 0]])
    self.assertEqual(inspect.figures(inspect.read(intact))[FFN]["sparsity"], 0.5)
    self.assertIsNone(weight_statistics.describe_nonzero_pruned(inspect.read(intact).variables))
    for arguments in ([wrong], [intact, wrong]):
      done = self.run_command(*arguments)
      self.assertEqual(done.returncode, 1)
      self.assertIn(FFN, done.stdout)
      self.assertEqual(
        done.stderr, f"t2t-lottery: {wrong}: weights that its masks prune are not zero: 2 of the 2 in {FFN}\n"
      )
    # Translation, loss and every export read models in the same way.
    with self.assertRaisesRegex(UserError, f"^{wrong}: weights .* not zero: 2 of the 2 in {FFN}; it was changed"):
      model_source.read(wrong)
    self.assertIn(FFN, model_source.read(intact))

  def test_agreement_of_masks_beyond_chance(self):
    models = []
    for i, row in enumerate(([1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0])):
      values = np.ones([9, 4], np.float32)
      values[0] = row
      models.append(os.path.join(self.create_tempdir().full_path, f"seed{i}", "model.ckpt-7"))
      tf_checkpoint.write(models[-1], {EMBEDDING: values})
    done = self.run_command("--agreement", *models)
    # Of 36 weights, two are kept by one or two of three masks: one of three pairs agrees.
    agreement, share = (34 + 2 / 3) / 36, (32 * 3 + 3 + 2 + 1) / (36 * 3)
    by_chance = share**2 + (1 - share) ** 2
    kappa = (agreement - by_chance) / (1 - by_chance)
    self.assertEqual(done.stdout, f"Fleiss' kappa of 3 masks\nweights: {kappa:.3f}\n", done.stderr)

  def test_agreement_lists_the_heads_and_mlps_that_survive_in_all_masks(self):
    models = []
    for seed, (heads, mlps) in enumerate((((1, 1, 0, 1), (1, 0)), ((1, 0, 1, 1), (1, 1)))):
      values = {}
      for layer in (0, 1):
        block = f"bert/encoder/layer_{layer}"
        kept = np.array(heads[2 * layer : 2 * layer + 2], np.float32)
        values.update(
          {f"{block}/attention/self/{part}/kernel": np.tile(kept, [2, 1]) for part in ("query", "key", "value")}
        )
        values[f"{block}/attention/output/dense/kernel"] = np.tile(kept[:, None], [1, 2])
        values[f"{block}/intermediate/dense/kernel"] = np.full([2, 3], mlps[layer], np.float32)
        values[f"{block}/output/dense/kernel"] = np.full([3, 2], mlps[layer], np.float32)
      folder = os.path.join(self.create_tempdir().full_path, f"seed{seed}")
      models.append(os.path.join(folder, "model.ckpt-7"))
      tf_checkpoint.write(models[-1], values)
      with open(os.path.join(folder, "hparams.json"), "w", encoding="utf-8") as file:
        json.dump({"num_heads": 2}, file)
    self.assertEqual(
      self.run_command("--agreement", *models).stdout.splitlines()[2:],
      [
        "attention heads: -0.333",
        "MLPs: -0.333",
        "2 of 4 attention heads survive in all masks: bert/encoder/layer_0/attention 0; bert/encoder/layer_1/attention 1",
        "1 of 2 MLPs survive in all masks: bert/encoder/layer_0",
      ],
    )
    # One that does not say how many heads it has, as a converted checkpoint, first or last.
    os.remove(os.path.join(os.path.dirname(models[0]), "hparams.json"))
    for order in (models, models[::-1]):
      self.assertIn("attention heads: -0.333", self.run_command("--agreement", *order).stdout)
    printed = json.loads(self.run_command("--agreement", "--json", *models).stdout)
    self.assertEqual([*printed], ["weights", "heads", "mlps", "survivors"])
    self.assertEqual(printed["survivors"]["mlps"], {"bert/encoder/layer_0": [0], "bert/encoder/layer_1": []})

  def test_command_errors(self):
    one = self.checkpoint("one", [[3, -1, 5, 0]])
    empty = self.create_tempdir().full_path
    for arguments, message in (
      (["--agreement", one], "--agreement is of several masks: give two or more checkpoints"),
      ([one, one, one], "3 checkpoints: give one, or two to compare, or --agreement"),
    ):
      done = self.run_command(*arguments)
      self.assertEqual((done.returncode, done.stderr), (2, f"t2t-lottery: {message}\n"))
    for arguments, message in (
      ([empty], "holds no checkpoint"),
      ([one + "0"], "no checkpoint .*: cannot read"),
      ([one, self.checkpoint("wide", [[1, 2]])], rf"are of different models: {FFN} is \(1, 4\) and \(1, 2\)"),
    ):
      done = self.run_command(*arguments)
      self.assertEqual(done.returncode, 1)
      self.assertLen(done.stderr.splitlines(), 1)
      self.assertRegex(done.stderr, f"^t2t-lottery: .*{message}")


if __name__ == "__main__":
  tf.test.main()
