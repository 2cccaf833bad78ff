"""Fleiss' kappa of masks: small cases by hand, and the masks that Prasanna et al. (2020) published."""

import pathlib

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.pruning import mask_agreement

PUBLISHED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "public_masks" / "heads_mlps"
# Task -> kappa of the heads over five seeds, by the authors' notebook.
KAPPAS = {
  **{"MNLI": 0.258, "QNLI": 0.302, "QQP": 0.191, "SST-2": 0.325, "CoLA": 0.228, "STS-B": 0.222, "MRPC": 0.215},
  "RTE": 0.180,
}


class MaskAgreementTest(parameterized.TestCase, tf.test.TestCase):
  def test_two_masks_by_hand(self):
    """Agreement on 6 of 8 things is 0.75; by chance, with half of all kept, 0.5."""
    masks = np.array([[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0, 0]], bool)
    self.assertAlmostEqual(mask_agreement.fleiss_kappa(masks), (0.75 - 0.5) / (1 - 0.5))

  def test_equal_masks_agree_and_random_ones_do_not(self):
    random = np.random.RandomState(1).rand(4, 100_000) < 0.3
    self.assertEqual(mask_agreement.fleiss_kappa(np.stack([random[0]] * 3)), 1)
    self.assertAlmostEqual(mask_agreement.fleiss_kappa(random), 0, delta=0.01)
    self.assertIsNone(mask_agreement.fleiss_kappa(np.ones([2, 5], bool)))

  def test_a_structure_counts_as_kept_if_any_of_its_weights_is(self):
    block = "bert/encoder/layer_0/attention"
    models = []
    for kept in ((1, 0, 1, 0), (1, 0, 0, 1), (1, 0, 1, 1)):
      columns = np.repeat(np.array(kept, np.float32), 2)[None] * np.ones([8, 1], np.float32)
      kernels = {f"{block}/self/{part}/kernel": columns for part in ("query", "key", "value")}
      models.append({**kernels, f"{block}/output/dense/kernel": columns.T})
    # Single weights of a kept head are pruned.
    models[0][f"{block}/self/query/kernel"] = models[0][f"{block}/self/query/kernel"] * np.tril(np.ones([8, 8]))
    found = mask_agreement.kappas(models, num_heads=4)
    by_head = np.array([(1, 0, 1, 0), (1, 0, 0, 1), (1, 0, 1, 1)], bool)
    self.assertEqual(found["heads"], mask_agreement.fleiss_kappa(by_head))
    self.assertNotAlmostEqual(found["weights"], found["heads"])
    self.assertEqual([*mask_agreement.kappas(models)], ["weights"])
    found = mask_agreement.survivors(models, num_heads=4)
    self.assertEqual([*found], ["heads"])
    self.assertAllEqual(found["heads"][block], [True, False, False, False])
    self.assertEmpty(mask_agreement.survivors(models))

  def test_an_mlp_counts_as_one(self):
    models = []
    for kept in ((1, 0, 1), (1, 1, 0)):
      models.append({})
      for layer, factor in enumerate(kept):
        block = f"bert/encoder/layer_{layer}"
        models[-1][f"{block}/intermediate/dense/kernel"] = np.full([2, 6], factor, np.float32)
        models[-1][f"{block}/output/dense/kernel"] = np.full([6, 2], factor, np.float32)
    # By hand: one of three agrees; 2/3 are kept, so 5/9 agree by chance.
    self.assertAlmostEqual(mask_agreement.kappas(models)["mlps"], (1 / 3 - 5 / 9) / (1 - 5 / 9))
    found = mask_agreement.survivors(models)["mlps"]
    self.assertEqual(
      {block: members.tolist() for block, members in found.items()},
      {"bert/encoder/layer_0": [True], "bert/encoder/layer_1": [False], "bert/encoder/layer_2": [False]},
    )

  @parameterized.parameters(*KAPPAS)
  def test_equals_the_authors_value_on_their_masks(self, task):
    files = sorted((PUBLISHED / task).glob("seed_*/head_mask.npy"))
    if not files:
      self.skipTest(f"{PUBLISHED} is absent: masks of Prasanna et al. (2020)")
    self.assertLen(files, 5)
    masks = np.stack([np.load(file).ravel() != 0 for file in files])
    self.assertAlmostEqual(mask_agreement.fleiss_kappa(masks), KAPPAS[task], places=3)


if __name__ == "__main__":
  tf.test.main()
