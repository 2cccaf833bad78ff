"""A graph of runs as jobs of a Slurm cluster: one job a run, each after its parents'. Standard library only.

The queue itself is asked what is in it, by the user, a job's name and its folder; no accounting database is needed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.runs.run_status import State, Status
from t2t_lottery.utils import atomic_files, file_lock, t2t_process
from t2t_lottery.utils.errors import UserError

DATAGEN, TABLE = "datagen", "table"
# The trainer saves within a step; the rest is for slow disks. Slurm may send the signal a minute too soon.
_SECONDS_BEFORE_LIMIT = 300
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class Wanted(NamedTuple):
  """What jobs ask Slurm for.

  Attributes:
    every: flags of sbatch for every job.
    runs: more of them for the jobs of runs.
    user: the user's own flags, which take precedence.
    restarts: how often a run that is killed is started again.
  """

  every: tuple[str, ...]
  runs: tuple[str, ...]
  user: tuple[str, ...]
  restarts: int


class Job(NamedTuple):
  """A job in the queue: its id, its state and the reason for that as squeue names them."""

  id: str
  state: str
  reason: str


def wanted(flags: Mapping[str, str | int | None], gpus: str | None, user: str, restarts: int) -> Wanted:
  """What jobs ask for.

  Args:
    flags: sbatch's flags -> their values, or None.
    gpus: of each run, as `--gpus-per-node` takes it.
    user: more flags, as a shell would split them.
    restarts: see `Wanted`.

  Raises:
    UserError: if the user's flags cannot be split.
  """
  try:
    words = tuple(shlex.split(user))
  except ValueError as error:
    raise UserError(f"--sbatch={user}: {error}") from error
  every = tuple(f"--{name}={value}" for name, value in flags.items() if value is not None)
  return Wanted(every, () if gpus is None else (f"--gpus-per-node={gpus}",), words, restarts)


def name_of(run: PlannedRun) -> str:
  """The name of a run's job."""
  return f"seed{run.seed}/{run.name}"


def check(asked: Wanted) -> None:
  """Raises UserError if Slurm would not take the jobs; submits nothing."""
  for more in {(), asked.runs}:
    _call("sbatch", "--test-only", *_flags(asked), *more, *asked.user, "--wrap=true")


def queue(folder: str) -> dict[str, Job]:
  """The jobs of a folder that wait, run or will be run again, by name.

  Raises:
    UserError: if Slurm does not answer.
  """
  jobs = {}
  said = _call("squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%r|%j|%Z")
  for line in said.splitlines():
    number, state, reason, name, where = line.split("|", 4)
    # Such a job is about to leave the queue.
    if where == folder and reason != "DependencyNeverSatisfied":
      jobs[name] = Job(number, state, reason)
  return jobs


def submit(
  runs: Sequence[PlannedRun],
  look: Callable[[], Sequence[Status]],
  where: Callable[[PlannedRun], str],
  folder: str,
  asked: Wanted,
  command: Callable[[str], Sequence[str]],
  has_data: bool,
) -> dict[str, Job | None]:
  """Hands to Slurm what is neither done nor in the queue, and says so.

  Args:
    runs: the graph, parents before children.
    look: returns the status of each run.
    where: returns the folder of a run.
    folder: of the jobs; made if missing.
    asked: what the jobs ask for.
    command: returns what the job of a name does.
    has_data: whether there is nothing to be generated.

  Returns:
    The names of the jobs now in the queue -> the job, if it was there before.

  Raises:
    UserError: if a folder holds another run; or if Slurm refuses a job: those before it are in the queue, and the same
      call takes up the rest.
  """
  ids: dict[str, str] = {}

  def add(name: str, kind: str, after: Sequence[str], at: str, *more: str) -> None:
    wants = [*asked.every, *more, *asked.user]
    if name not in there:
      job = t2t_process.module("t2t_lottery.reproduce.slurm.job")
      words = [*job, str(asked.restarts), _file(folder, name, "json"), at]
      depends = [f"--dependency={kind}:" + ":".join(ids[one] for one in after)] if after else []
      own = [f"--job-name={name}", f"--chdir={folder}", f"--output={_file(folder, name, 'log')}", "--open-mode=append"]
      script = f"cd {shlex.quote(_ROOT)} && exec {shlex.join([*words, *command(name)])}"
      flags = [*_flags(asked), *own, *depends, *more, *asked.user]
      # A federation's answer names the cluster as well.
      ids[name] = _call("sbatch", "--parsable", *flags, f"--wrap={script}").split()[-1].partition(";")[0]
      atomic_files.write_json(_file(folder, name, "asked.json"), {"job": ids[name], "flags": wants})
      print(f"{name}: job {ids[name]}" + (f", after {', '.join(after)}" if after else ""), flush=True)
    else:
      ids[name] = there[name].id
      if said := _unlike(_file(folder, name, "asked.json"), ids[name], wants):
        print(f"{name}: {said}", flush=True)

  with file_lock.exclusive(folder, "submit"):
    # A run whose job ends between the two looks is done in the second.
    there = queue(folder)
    statuses = look()
    if other := next((current.error for current in statuses if current.state == State.OTHER), None):
      raise UserError(other)
    if not has_data:
      add(DATAGEN, "", [], "")
    for run, current in zip(runs, statuses):
      if current.state != State.DONE:
        before = [DATAGEN, *(name_of(run._replace(name=parent)) for parent in run.parents)]
        limit = f"--signal=B:USR1@{_SECONDS_BEFORE_LIMIT}"
        add(name_of(run), "afterok", [name for name in before if name in ids], where(run), *asked.runs, limit)
    if any(name not in there for name in ids):
      # A table in the queue knows nothing of these.
      there.pop(TABLE, None)
    add(TABLE, "afterany", list(ids), "")
  return {name: there.get(name) for name in ids}


def _unlike(path: str, job: str, wants: Sequence[str]) -> str | None:
  """What a job in the queue was submitted with that is not requested now, on one line; None if nothing, or not known."""
  try:
    noted = atomic_files.read_json(path, {"job": str, "flags": [str]})
  except UserError:
    return None
  before, now = (" ".join(flag for flag in one if flag not in other) for one, other in _both(noted["flags"], wants))
  if noted["job"] != job or not (before or now):
    return None
  return (
    f"job {job} is in the queue and keeps {before or 'the defaults'}, requested now is {now or 'the defaults'}: change it by "
    f"scontrol update JobId={job}, or give --cancel and submit again"
  )


def _both(one: Sequence[str], other: Sequence[str]) -> tuple[tuple[Sequence[str], Sequence[str]], ...]:
  return (one, other), (other, one)


def cancel(runs: Iterable[PlannedRun], folder: str) -> list[str]:
  """Takes the jobs of runs, of their data and of their table from the queue; returns their names.

  Raises:
    UserError: if Slurm does not answer.
  """
  with file_lock.exclusive(folder, "submit"):
    names = {DATAGEN, TABLE, *map(name_of, runs)}
    found = {name: job.id for name, job in queue(folder).items() if name in names}
    if found:
      _call("scancel", *found.values())
  return list(found)


def seen_from(job: Job, current: Status) -> Status:
  """The status of a run that has a job in the queue."""
  if job.state == "COMPLETING" or current.state in (State.DONE, State.OTHER, State.RUNNING, State.EVALUATING):
    return current
  if job.state == "RUNNING":
    # Where locks do not reach from node to node, the queue knows better than the files.
    return current._replace(state=State.RUNNING, error="")
  so_far = f", step {current.step:,}" if current.step else ""
  return Status(State.WAITING, current.step, error=in_words(job) + so_far)


def in_words(job: Job) -> str:
  """A job's status."""
  reason = "" if job.reason in ("None", "") else f" ({job.reason})"
  return f"job {job.id} is {job.state.lower()}{reason}"


def _file(folder: str, name: str, kind: str) -> str:
  return os.path.join(folder, f"{name.replace('/', '.')}.{kind}")


def _flags(asked: Wanted) -> list[str]:
  return ["--requeue", "--kill-on-invalid-dep=yes", "--nodes=1", "--ntasks=1", *asked.every]


def _call(*command: str) -> str:
  """What one of Slurm's commands says.

  Raises:
    UserError: if it is not there, or fails.
  """
  try:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
  except OSError as error:
    message = f"cannot call {command[0]} ({error.strerror}): --on=slurm needs a machine that submits jobs to Slurm"
    raise UserError(message) from error
  if done.returncode:
    said = [line.replace(f"{command[0]}: error: ", "", 1).strip() for line in done.stderr.splitlines()]
    message = "; ".join(filter(None, said)) or f"status {done.returncode}"
    raise UserError(f"{command[0]} refuses: {message}")
  return done.stdout
