"""A GPU is used for translation only if it and its libraries are available."""

from unittest import mock

import ctranslate2
import tensorflow.compat.v1 as tf

from t2t_lottery.inference import ctranslate2_gpu


class GpuTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    ctranslate2_gpu.is_usable.cache_clear()
    self.addCleanup(ctranslate2_gpu.is_usable.cache_clear)

  def test_without_a_gpu(self):
    if ctranslate2.get_cuda_device_count():
      self.skipTest("this machine has a GPU")
    self.assertFalse(ctranslate2_gpu.is_usable())

  @mock.patch.object(ctranslate2, "get_cuda_device_count", return_value=1)
  def test_a_gpu_without_cuda_libraries_is_not_used(self, _):
    with mock.patch.object(ctranslate2_gpu.ctypes, "CDLL", side_effect=OSError("no such library")) as load:
      self.assertFalse(ctranslate2_gpu.is_usable())
    self.assertEqual(load.call_args.args, ("libcublas.so.12",))

  @mock.patch.object(ctranslate2, "get_cuda_device_count", return_value=1)
  def test_a_gpu_with_cuda_libraries_is_used(self, _):
    with mock.patch.object(ctranslate2_gpu.ctypes, "CDLL"):
      self.assertTrue(ctranslate2_gpu.is_usable())


if __name__ == "__main__":
  tf.test.main()
