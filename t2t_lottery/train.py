"""Trains one run by t2t-trainer: `python -m t2t_lottery.train --run=slt-50 --method=slt --level=50 --mask_from=dense`.

Skipped if the run's last checkpoint exists; an interrupted run resumes from its newest checkpoint.
"""

from __future__ import annotations

from absl import flags

from t2t_lottery.pruning import methods
from t2t_lottery.reproduce import set_check
from t2t_lottery.runs import command_flags, run_spec, trainer
from t2t_lottery.utils import command_line, errors

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.", required=True)
_METHOD = flags.DEFINE_enum("method", "dense", list(methods.METHODS), "Method, which selects the hparams set.")
_LEVEL = flags.DEFINE_string("level", "0", "Sparsity in percent.")
_MASK_FROM = flags.DEFINE_string("mask_from", None, "The run from whose final weights the mask is drawn.")
_MASK_STEP = flags.DEFINE_integer("mask_step", None, "Step of that run. Default: its last.", lower_bound=0)
_REWIND_FROM = flags.DEFINE_string("rewind_from", None, "The run to rewind to. Default: that of --mask_from.")
_TICKET_OF = flags.DEFINE_string(
  "ticket_of", None, "The run whose ticket, its weights and masks of step 0, is trained. Default: a ticket is drawn."
)
_SCHEDULE_FROM = flags.DEFINE_enum(
  "schedule_from",
  "0",
  run_spec.SCHEDULE_FROM,
  "Step of the learning-rate schedule to start at: 0, or t, the step of the weights.",
)
_DATA_SEED = flags.DEFINE_integer("data_seed", None, "Seed of the order of batches. Default: --seed.", lower_bound=0)
_REWIND_ALSO = flags.DEFINE_string(
  "rewind_also", "", "Space-separated further steps whose weights are kept in rewind/, next to those of steps 0 and t."
)
_INITIAL_LEVEL = flags.DEFINE_string(
  "initial_level", "0", "Sparsity in percent of the ticket of a run that is pruned further during training."
)
_CONTROLS = flags.DEFINE_multi_enum("control", [], list(methods.CONTROLS), "Change to the method; may be repeated.")
_GPUS = flags.DEFINE_integer(
  "gpus", None, "Number of GPUs of this machine for the run. Default: 1 if there is one, else 0.", lower_bound=0
)


def options() -> run_spec.Options:
  """The run's options from the flags."""
  return run_spec.Options(
    run=_RUN.value,
    method=_METHOD.value,
    level=_LEVEL.value,
    mask_from=_MASK_FROM.value,
    mask_step=_MASK_STEP.value,
    rewind_from=_REWIND_FROM.value,
    ticket_of=_TICKET_OF.value,
    schedule_from=_SCHEDULE_FROM.value,
    data_seed=_DATA_SEED.value,
    rewind_also=_REWIND_ALSO.value,
    initial_level=_INITIAL_LEVEL.value,
    controls=_CONTROLS.value,
    gpus=_GPUS.value,
  )


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    trainer.train(command_flags.read(), set_check.prepare, options())


if __name__ == "__main__":
  command_line.run(main)
