"""Published speeds of devices that train t2t's base Transformer. Standard library only."""

from __future__ import annotations

from typing import NamedTuple

from t2t_lottery.runs import presets

# The paper's step: t2t gives each of a v3-8's 8 cores batch_size // max_length = 2048 // 64 sentence pairs, padded to 64
# (tensor2tensor 1.15.7, `Problem.tpu_batch_size_per_shard`, `transformer.update_hparams_for_tpu`).
CORES = 8
SUBWORDS_A_STEP = CORES * presets.SIZES["base"].batch_size


class Device(NamedTuple):
  """A device that trains one run.

  Attributes:
    name: its name.
    subwords: target subwords per second in training, padding included.
    source: of this number.
    extrapolated: whether no measurement of this model on this device is published.
  """

  name: str
  subwords: float
  source: str
  extrapolated: bool = False

  def steps_a_second(self, subwords_a_step: int = SUBWORDS_A_STEP) -> float:
    """Steps per second, assuming that time is proportional to the subwords of a step; small steps are slower."""
    return self.subwords / subwords_a_step

  def hours(self, steps: float) -> float:
    """Hours for N of the paper's steps."""
    return steps / self.steps_a_second() / 3600


P100 = Device(
  "P100",
  100_000 * 25_000 / (12 * 3600) / 8,
  "Vaswani et al. 2017, sections 5.1 and 5.2: 8 of them, 100k steps of about 25,000 target subwords, 12 hours",
)
V100 = Device(
  "V100",
  4.3 * 4096,
  "t2t's transformer_base on 4 of them, 4.3 steps/s (github.com/NVIDIA/OpenSeq2Seq issue 203, 2018), at its default of"
  " 4,096 subwords a GPU; fairseq's: 73k subwords/s on 4, 160k in float16 (github.com/facebookresearch/fairseq issue 940)",
)
A100 = Device(
  "A100",
  2 * V100.subwords,
  "twice a V100 in float32, the lower end of what NVIDIA says of TF32: 2 to 5 times"
  " (developer.nvidia.com/blog/getting-immediate-speedups-with-a100-tf32)",
  extrapolated=True,
)
V2_8 = Device(
  "TPU v2-8",
  100_000 * 4096 / (2 * 3600),
  "Shazeer and Stern 2018 (Adafactor), section 9: t2t, 100k steps of about 4,096 subwords in less than 2 hours on one"
  " TPU v2; so at least this",
)
V3_8 = Device(
  "TPU v3-8",
  V2_8.subwords * 420 / 180,
  "a v2-8, times the ratio of what they can do at most: 420 to 180 Tflop/s",
  extrapolated=True,
)
DEVICES = (P100, V100, A100, V2_8, V3_8)
