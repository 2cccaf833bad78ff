"""Size of a model at the paper's 13 levels, compared with the paper's Memory column.

  python benchmarks/memory.py RUN_OR_CHECKPOINT

Prunes the weights of a dense checkpoint by magnitude, layer by layer, to each level, and prints the three sizes of
`t2t_lottery/evaluation/model_size.py` in MB of 10^6 bytes. Exit status 1 if the sparse file is larger than 0.8 of the
paper's column at 50, 90 or 98%, which is meaningful only for a model of the paper's size.
"""

import os
import sys

import numpy as np
from absl import app

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from t2t_lottery.checkpoints import tensor_bundle  # noqa: E402
from t2t_lottery.evaluation import model_size  # noqa: E402
from t2t_lottery.pruning import layers, masks  # noqa: E402
from t2t_lottery.report import paper_scores  # noqa: E402
from t2t_lottery.runs import paths  # noqa: E402
from t2t_lottery.utils import errors  # noqa: E402

# Sparsity -> MB (Brix et al. 2020, Table 1).
PAPER = {
  sparsity: printed.memory
  for (_, sparsity), printed in sorted(paper_scores.scores("translate_ende_wmt14", "base").items())
}
MAX_RATIO, REQUIRED_LEVELS = 0.8, (0.5, 0.9, 0.98)


def main(argv):
  with errors.one_line():
    if len(argv) != 2:
      raise errors.UserError("one checkpoint is required: python benchmarks/memory.py RUN_OR_CHECKPOINT")
    checkpoint = argv[1]
    if os.path.isdir(checkpoint):
      checkpoint = paths.checkpoint(checkpoint, paths.checkpoint_steps(checkpoint)[-1])
    variables = tensor_bundle.read(checkpoint, tensor_bundle.is_model_variable)
    count = sum(value.size for value in variables.values())
    print(f"{checkpoint}: {count:,} parameters\n| sparsity | paper | npz | CSC | sparse file | sparse file / paper |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    missed = False
    for level, printed in PAPER.items():
      for name in layers.prunable(variables) if level else []:
        mask = masks.magnitude_mask(variables[name], level)
        variables[name] = np.where(mask, variables[name], np.float32(0))
      found = model_size.megabytes(variables)
      ratio = found["file"] / printed
      missed |= level in REQUIRED_LEVELS and ratio > MAX_RATIO
      print(
        f"| {100 * level:g}% | {printed:g} | {found['paper']:.1f} | {found['csc']:.1f} | {found['file']:.1f} | {ratio:.2f} |",
        flush=True,
      )
    sys.exit(missed)


if __name__ == "__main__":
  app.run(main)
