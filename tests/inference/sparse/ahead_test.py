"""What the engine compiles ahead, in two processes, is what a translation calls."""

import os
from unittest import mock

import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.inference.sparse import ahead, beam_search, compilation, layers, network, vocabulary
from tests.support import other_cpu

CALLED = (vocabulary.embed, layers.run, vocabulary.best, beam_search.advance)


class AheadTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.model = network.pack(other_cpu.model())
    self.folder = self.enter_context(mock.patch.object(compilation, "FOLDER", self.create_tempdir().full_path))
    self.layers = self.enter_context(mock.patch.object(network, "compile_layers"))
    self.enter_context(mock.patch.object(os, "sched_getaffinity", return_value={0, 1}))

  def compile_beside(self, code):
    """Compiles with another code for the second process; returns whether the first compiled its share."""
    self.layers.reset_mock()
    with mock.patch.object(ahead, "_SEARCH", code):
      ahead.compile_engine(self.model)
    return self.layers.called

  @pytest.mark.slow
  def test_a_translation_calls_no_function_with_other_types(self):
    network.search(self.model, [[5, 6, 1], [7, 1]], [4, 4])
    translated = [function.signatures for function in CALLED]
    self.assertEqual(list(map(len, translated)), [1] * len(CALLED))
    network.compile_search()
    network._encode(self.model, [[1]], seen=True)
    self.assertEqual([function.signatures for function in CALLED], translated)

  def test_happens_once(self):
    self.assertTrue(self.compile_beside("pass"))
    self.assertFalse(self.compile_beside("pass"))

  def test_happens_again_if_the_second_process_failed(self):
    self.assertTrue(self.compile_beside("raise SystemExit(1)"))
    self.assertEmpty(os.listdir(self.folder))
    self.assertTrue(self.compile_beside("pass"))

  def test_happens_for_each_cpu(self):
    self.assertTrue(self.compile_beside("pass"))
    with mock.patch.object(compilation, "target", return_value="another"):
      self.assertTrue(self.compile_beside("pass"))

  def test_one_core_compiles_at_the_first_calls(self):
    with mock.patch.object(os, "sched_getaffinity", return_value={0}):
      self.assertFalse(self.compile_beside("raise SystemExit(1)"))

  def test_the_second_process_imports_this_code(self):
    self.assertTrue(self.compile_beside(ahead._SEARCH.replace("compile_search()", "network = 1")))
    self.assertLen(os.listdir(self.folder), 1)


if __name__ == "__main__":
  tf.test.main()
