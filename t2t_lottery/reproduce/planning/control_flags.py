"""The flag `--controls` of the drivers: names of controls, combinations of them, and what each has an effect on. Standard library
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from t2t_lottery.pruning import methods
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError

NAMES = (
  *("random_signs", "constant_values", "redrawn_values", "permuted_values", "reinitialized"),
  *("random_mask", "shuffled_mask", "bad_mask", methods.RUNNING_SUM),
)
# Joins the names of controls that change one ticket together.
AND = "+"
assert {*NAMES} <= set(methods.CONTROLS)


def parts(control: str) -> list[str]:
  """The names in a control, such as random_signs+redrawn_values."""
  return control.split(AND)


def with_effect(controls: Sequence[str], without: Sequence[str]) -> list[str]:
  """Those controls that change a ticket.

  Args:
    controls: of `--controls`.
    without: names that have no effect on the tickets of a driver.
  """
  return [control for control in controls if not {*parts(control)} & {*without}]


def check(values: Mapping[str, str], variants: Sequence[str]) -> None:
  """Checks the controls of a chain of runs.

  Args:
    values: of all flags of the drivers, by name.
    variants: those that the method has.

  Raises:
    UserError: one is unknown, repeated, or cannot be combined with another, or with another flag.
  """
  controls = values["controls"].split()
  for control in controls:
    _check_combination(control)
  if controls:
    choices.once("controls", [AND.join(sorted(parts(control))) for control in controls])
  used = {name for control in controls for name in parts(control)}
  for name in ("shuffled_mask", "bad_mask"):
    if name in used and values["rewind"] != "dense" and not values["one_shot"]:
      raise UserError(f"the control {name} needs unpruned weights: give --rewind=dense or --one_shot")
    if name in used and values["slt_levels"]:
      raise UserError(
        f"the control {name} would restore what was removed as a whole before --slt_levels: give it without these"
      )
  variant = values["variant"]
  if methods.RUNNING_SUM in used:
    by_gradient = variant in methods.BY_GATES or (methods.GATES in variants and not variant)
    if not by_gradient or values["slt_levels"]:
      raise UserError(
        f"the control {methods.RUNNING_SUM} is of the gradients of heads and MLPs: heads.sh without --variant and "
        "--slt_levels, or imp.sh --variant=heads, mlps or heads_mlps"
      )
  if "random_mask" in used and values["ticket_from"]:
    raise UserError(
      "the control random_mask has no effect with --ticket_from, whose masks are complete: use shuffled_mask"
    )
  if variant in (methods.MLPS, methods.HEADS_MLPS) and "shuffled_mask" in used:
    raise UserError("the control shuffled_mask shuffles within layers, which have one MLP each: use random_mask")


def check_devices(controls: Sequence[str], gpus: int, has_hosts: bool) -> None:
  """Checks that tickets can be drawn on the devices of their runs.

  Args:
    controls: the runs', among them what their tickets are scored by.
    gpus: of each run.
    has_hosts: whether a run is trained on several machines.

  Raises:
    UserError: their scores are computed on one device.
  """
  if (gpus > 1 or has_hosts) and (score := methods.score_of(controls)) in methods.OF_GRAPH:
    what = methods.computed_from(score)
    given = "--hosts" if has_hosts else f"--gpus={gpus}"
    raise UserError(f"{given}: tickets of {score} scores take {what} on one device: leave it out")


def _check_combination(control: str) -> None:
  names = parts(control)
  set_by: dict[str, str] = {}
  for name in names:
    choices.known("control", name, NAMES)
    for hparam in methods.CONTROLS[name]:
      if hparam in set_by:
        raise UserError(f"the control {control}: {set_by[hparam]} and {name} change the same: combine others")
      set_by[hparam] = name
  if {"reinitialized", "random_signs"} <= {*names}:
    raise UserError(
      f"the control {control}: the signs of reinitialized weights are random already: leave out random_signs"
    )
