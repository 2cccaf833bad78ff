"""A run resumes from its newest intact checkpoint, whatever happened to its files."""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tensor_bundle, tf_checkpoint
from t2t_lottery.evaluation import checkpoint_average
from t2t_lottery.runs import paths, recovery
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import damaged

NAME = "transformer/body/encoder/layer_0/ffn/conv1/kernel"


def variables(step, fill=1.0):
  return {NAME: np.full([80, 60], fill, np.float32), "global_step": np.int64(step)}


class ResumeTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, "run")
    for step in (0, 20, 40, 60):
      self.save(paths.checkpoint(self.folder, step), variables(step))
    for step in (0, 50):
      self.save(paths.kept(self.folder, step), variables(step))
    self.write_state(60)

  def save(self, prefix, values):
    """Writes a checkpoint next to others."""
    alone = os.path.join(self.create_tempdir().full_path, "alone", os.path.basename(prefix))
    tf_checkpoint.write(alone, values)
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    for name in os.listdir(os.path.dirname(alone)):
      os.replace(os.path.join(os.path.dirname(alone), name), os.path.join(os.path.dirname(prefix), name))

  def write_state(self, step):
    names = (f'all_model_checkpoint_paths: "model.ckpt-{n}"\n' for n in (0, 20, 40, 60))
    atomic_files.write_text(paths.state(self.folder), f'model_checkpoint_path: "model.ckpt-{step}"\n' + "".join(names))

  def newest(self):
    """The checkpoint that t2t-trainer would resume from."""
    return tf.train.latest_checkpoint(self.folder)

  def quarantined(self):
    top = paths.quarantine(self.folder, 1)
    found = (os.path.relpath(os.path.join(at, name), top) for at, _, names in os.walk(top) for name in names)
    return sorted(found)

  def test_an_intact_run_is_unchanged(self):
    self.assertIsNone(recovery.prepare(self.folder))
    self.assertEqual(self.newest(), paths.checkpoint(self.folder, 60))
    self.assertEqual(paths.checkpoint_steps(self.folder), [0, 20, 40, 60])
    self.assertEmpty(self.quarantined())

  def test_a_new_run_needs_no_recovery(self):
    empty = self.create_tempdir().full_path
    self.assertIsNone(recovery.prepare(os.path.join(empty, "none")))
    self.assertIsNone(recovery.prepare(empty))
    self.assertEmpty(os.listdir(empty))

  @parameterized.product(
    how=(damaged.flip, damaged.truncate, damaged.empty, os.remove),
    what=(damaged.data, lambda prefix: f"{prefix}.index"),
  )
  def test_resumes_from_the_newest_intact_checkpoint(self, how, what):
    path = what(paths.checkpoint(self.folder, 60))
    how(path)
    without_index = path.endswith(".index") and how is os.remove
    message = recovery.prepare(self.folder)
    if without_index:  # TensorFlow writes it last: without it there is no checkpoint.
      self.assertIsNone(message)
    else:
      self.assertRegex(message, f"^[^\n]*{path}[^\n]*: quarantined in [^\n]*/set_aside/1; resumes from step 40$")
    self.assertEqual(self.newest(), paths.checkpoint(self.folder, 40))
    # theta_t was kept at step 50, which the run reaches again.
    self.assertContainsSubset(
      ["rewind/model.ckpt-50.index", "rewind/model.ckpt-50.data-00000-of-00001"], self.quarantined()
    )
    self.assertTrue(os.path.exists(paths.kept(self.folder, 0) + ".index"))
    self.assertIsNone(recovery.prepare(self.folder))

  def test_files_of_later_steps_are_quarantined(self):
    damaged.flip(damaged.data(paths.checkpoint(self.folder, 60)))
    for step in (40, 60):
      prefix = paths.checkpoint(self.folder, step)
      atomic_files.write_text(paths.translation(self.folder, "dev", prefix), "x\n")
      atomic_files.write_text(paths.loss(self.folder, "dev", prefix), "1\n")
    atomic_files.write_json(paths.result(self.folder), {})
    recovery.prepare(self.folder)
    self.assertCountEqual(os.listdir(os.path.join(self.folder, "translations")), ["dev.40.txt", "dev.40.loss.json"])
    self.assertContainsSubset(
      ["result.json", "translations/dev.60.txt", "translations/dev.60.loss.json"], self.quarantined()
    )

  def test_weights_that_are_not_finite_are_not_resumed_from(self):
    self.save(paths.checkpoint(self.folder, 60), variables(60, np.nan))
    self.save(paths.checkpoint(self.folder, 40), variables(40, np.inf))
    self.assertRegex(recovery.prepare(self.folder), f"ckpt-60 is unusable: {NAME} contains NaN .* from step 20$")
    self.assertEqual(self.newest(), paths.checkpoint(self.folder, 20))

  def test_partial_checkpoints_are_removed(self):
    atomic_files.write_text(os.path.join(self.folder, "model.ckpt-80_temp", "part-00000-of-00001.data"), "x")
    self.assertIsNone(recovery.prepare(self.folder))
    self.assertNotIn("model.ckpt-80_temp", os.listdir(self.folder))

  def test_without_an_intact_checkpoint_a_run_restarts(self):
    for step in (0, 20, 40, 60):
      damaged.truncate(damaged.data(paths.checkpoint(self.folder, step)))
    self.assertEndsWith(recovery.prepare(self.folder), "; restarts from step 0")
    self.assertIsNone(self.newest())
    self.assertEmpty(os.listdir(os.path.join(self.folder, "rewind")))
    self.assertIsNone(recovery.prepare(self.folder))

  @parameterized.parameters("", "model_checkpoint_pa", 'model_checkpoint_path: "model.ckpt-20"\n', None)
  def test_a_damaged_list_of_checkpoints_is_rebuilt(self, text):
    os.remove(paths.state(self.folder))
    if text is not None:
      atomic_files.write_text(paths.state(self.folder), text)
    self.assertIsNone(recovery.prepare(self.folder))
    self.assertEqual(self.newest(), paths.checkpoint(self.folder, 60))
    listed = tf.train.get_checkpoint_state(self.folder).all_model_checkpoint_paths
    self.assertEqual(list(listed), [paths.checkpoint(self.folder, step) for step in (0, 20, 40, 60)])


class ReadersTest(parameterized.TestCase, tf.test.TestCase):
  """No reader accepts a damaged checkpoint."""

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, "run")
    self.prefix = paths.checkpoint(self.folder, 60)
    tf_checkpoint.write(self.prefix, variables(60))

  @parameterized.parameters(damaged.flip, damaged.truncate, damaged.empty, os.remove)
  def test_a_ticket_is_not_drawn_from_it(self, how):
    how(damaged.data(self.prefix))
    with self.assertRaisesRegex(UserError, f"^mask_checkpoint: cannot read [^\n]*{self.prefix}[^\n]*: delete this"):
      tf_checkpoint.Checkpoint(self.prefix, "mask_checkpoint").read(NAME)

  @parameterized.parameters(damaged.flip, damaged.truncate, damaged.empty, os.remove)
  def test_it_is_not_evaluated(self, how):
    how(damaged.data(self.prefix))
    with self.assertRaisesRegex(UserError, f"^[^\n]*{self.prefix}.data[^\n]*: delete this checkpoint"):
      tensor_bundle.read(self.prefix, tensor_bundle.is_model_variable)

  def test_it_is_not_averaged(self):
    damaged.flip(damaged.data(self.prefix))
    with self.assertRaisesRegex(UserError, f"{NAME} does not match its checksum"):
      checkpoint_average.average(self.folder, [60])
    self.assertFalse(os.path.exists(os.path.join(self.folder, "average-1")))

  def test_any_flipped_bit_is_detected(self):
    path = damaged.data(self.prefix)
    random = np.random.RandomState(1)
    for position in random.randint(0, os.path.getsize(path), 200):
      damaged.flip(path, position)
      with self.assertRaisesRegex(UserError, "does not match its checksum"):
        tensor_bundle.check(self.prefix)
      damaged.flip(path, position)
    tensor_bundle.check(self.prefix)


if __name__ == "__main__":
  tf.test.main()
