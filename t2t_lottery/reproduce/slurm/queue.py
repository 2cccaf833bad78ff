"""A graph of runs as jobs of a Slurm cluster: one job per run, which depends on those of its parents. Standard library only.

`squeue` lists the jobs, which are identified by user, name and folder; no accounting database is needed.
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
# The trainer saves within a step; the rest is for slow disks. Slurm may send the signal a minute early.
_SECONDS_BEFORE_LIMIT = 300
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class JobOptions(NamedTuple):
  """Options of the jobs.

  Attributes:
    every: flags of sbatch for every job.
    runs: more flags for the jobs of runs.
    user: the user's own flags, which take precedence.
    restarts: how often to restart a killed run.
  """

  every: tuple[str, ...]
  runs: tuple[str, ...]
  user: tuple[str, ...]
  restarts: int


class Job(NamedTuple):
  """A job in the queue: its id, its state and the reason for the state, as squeue prints them."""

  id: str
  state: str
  reason: str


class _Submission(NamedTuple):
  """A call of `submit`.

  Attributes:
    folder, options, command: as for `submit`.
    queued: jobs in the queue before, by name.
    ids: ids of the graph's jobs so far, by name.
  """

  folder: str
  options: JobOptions
  command: Callable[[str], Sequence[str]]
  queued: dict[str, Job]
  ids: dict[str, str]


def job_options(flags: Mapping[str, str | int | None], gpus: str | None, user: str, restarts: int) -> JobOptions:
  """Makes the options of the jobs.

  Args:
    flags: sbatch's flags -> their values, or None.
    gpus: of each run, as for `--gpus-per-node`.
    user: more flags, as on a shell's command line.
    restarts: see `JobOptions`.

  Raises:
    UserError: the user's flags cannot be split.
  """
  try:
    words = tuple(shlex.split(user))
  except ValueError as error:
    raise UserError(f"--sbatch={user}: {error}") from error
  every = tuple(f"--{name}={value}" for name, value in flags.items() if value is not None)
  return JobOptions(every, () if gpus is None else (f"--gpus-per-node={gpus}",), words, restarts)


def name_of(run: PlannedRun) -> str:
  """The name of a run's job."""
  return f"seed{run.seed}/{run.name}"


def check(options: JobOptions) -> None:
  """Raises UserError if Slurm would reject the jobs; submits nothing."""
  for more in {(), options.runs}:
    _call("sbatch", "--test-only", *_flags(options), *more, *options.user, "--wrap=true")


def queue(folder: str) -> dict[str, Job]:
  """The jobs of a folder that are pending, running or requeued, by name.

  Raises:
    UserError: squeue fails.
  """
  jobs = {}
  output = _call("squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%r|%j|%Z")
  for line in output.splitlines():
    number, state, reason, name, job_folder = line.split("|", 4)
    # Slurm is about to remove such a job.
    if job_folder == folder and reason != "DependencyNeverSatisfied":
      jobs[name] = Job(number, state, reason)
  return jobs


def submit(
  runs: Sequence[PlannedRun],
  read_statuses: Callable[[], Sequence[Status]],
  folder_of: Callable[[PlannedRun], str],
  folder: str,
  options: JobOptions,
  command: Callable[[str], Sequence[str]],
  has_data: bool,
) -> dict[str, Job | None]:
  """Submits jobs for all that is neither done nor in the queue, and prints them.

  Args:
    runs: the graph, parents before children.
    read_statuses: returns the status of each run.
    folder_of: returns the folder of a run.
    folder: of the jobs; created if missing.
    options: of the jobs.
    command: returns the command of the job of a name.
    has_data: whether the data are complete.

  Returns:
    Names of the jobs now in the queue -> the job if it was there before, else None.

  Raises:
    UserError: a folder contains another run; or Slurm rejects a job: those before it are in the queue, and the same call
      submits the rest.
  """
  with file_lock.exclusive(folder, "submit"):
    # In this order, a run whose job ends in between is seen as done.
    submission = _Submission(folder, options, command, queue(folder), {})
    statuses = read_statuses()
    if other := next((current.error for current in statuses if current.state == State.OTHER), None):
      raise UserError(other)
    if not has_data:
      _add(submission, DATAGEN, "", [], "")
    for run, current in zip(runs, statuses):
      if current.state != State.DONE:
        _add_run(submission, run, folder_of(run))
    _add_table(submission)
  return {name: submission.queued.get(name) for name in submission.ids}


def _add_run(submission: _Submission, run: PlannedRun, run_folder: str) -> None:
  before = [DATAGEN, *(name_of(run._replace(name=parent)) for parent in run.parents)]
  after = [name for name in before if name in submission.ids]
  limit = f"--signal=B:USR1@{_SECONDS_BEFORE_LIMIT}"
  _add(submission, name_of(run), "afterok", after, run_folder, *submission.options.runs, limit)


def _add_table(submission: _Submission) -> None:
  if any(name not in submission.queued for name in submission.ids):
    # A table in the queue does not wait for the new jobs.
    submission.queued.pop(TABLE, None)
  _add(submission, TABLE, "afterany", list(submission.ids), "")


def _add(
  submission: _Submission, name: str, dependency: str, after: Sequence[str], run_folder: str, *more: str
) -> None:
  """Submits a job unless it is in the queue, where it may have other options than requested: prints either.

  Args:
    submission: the call; its ids get the job's.
    name: of the job.
    dependency: type of its dependency.
    after: names of the jobs that it depends on.
    run_folder: folder of its run, or empty.
    *more: flags of sbatch.
  """
  folder, options, _, queued, ids = submission
  requested = [*options.every, *more, *options.user]
  if name in queued:
    ids[name] = queued[name].id
    if mismatch := _mismatch(_file(folder, name, "asked.json"), ids[name], requested):
      print(f"{name}: {mismatch}", flush=True)
    return
  flags = [f"--dependency={dependency}:" + ":".join(ids[each] for each in after)] if after else []
  ids[name] = _sbatch(submission, name, run_folder, [*flags, *more, *options.user])
  atomic_files.write_json(_file(folder, name, "asked.json"), {"job": ids[name], "flags": requested})
  print(f"{name}: job {ids[name]}" + (f", after {', '.join(after)}" if after else ""), flush=True)


def _sbatch(submission: _Submission, name: str, run_folder: str, flags: Sequence[str]) -> str:
  """Submits a job; returns its id."""
  folder, options, command, _, _ = submission
  job = t2t_process.module("t2t_lottery.reproduce.slurm.job")
  words = [*job, str(options.restarts), _file(folder, name, "json"), run_folder, *command(name)]
  own = [f"--job-name={name}", f"--chdir={folder}", f"--output={_file(folder, name, 'log')}", "--open-mode=append"]
  script = f"cd {shlex.quote(_ROOT)} && exec {shlex.join(words)}"
  output = _call("sbatch", "--parsable", *_flags(options), *own, *flags, f"--wrap={script}")
  # In a federation, the output names the cluster as well.
  return output.split()[-1].partition(";")[0]


def _mismatch(path: str, job: str, requested: Sequence[str]) -> str | None:
  """On one line, how the flags of a job in the queue differ from those requested; None if they do not or are unknown."""
  try:
    record = atomic_files.read_json(path, {"job": str, "flags": [str]})
  except UserError:
    return None
  before = " ".join(flag for flag in record["flags"] if flag not in requested)
  now = " ".join(flag for flag in requested if flag not in record["flags"])
  if record["job"] != job or not (before or now):
    return None
  return (
    f"job {job} is in the queue with {before or 'the defaults'}; requested {now or 'the defaults'}: change it by "
    f"scontrol update JobId={job}, or give --cancel and submit again"
  )


def cancel(runs: Iterable[PlannedRun], folder: str) -> list[str]:
  """Cancels the jobs of runs, of their data and of their table; returns their names.

  Raises:
    UserError: squeue or scancel fails.
  """
  with file_lock.exclusive(folder, "submit"):
    names = {DATAGEN, TABLE, *map(name_of, runs)}
    found = {name: job.id for name, job in queue(folder).items() if name in names}
    if found:
      _call("scancel", *found.values())
  return list(found)


def status_of(job: Job, current: Status) -> Status:
  """The status of a run with a job in the queue, from the job and the status that its files show."""
  if job.state == "COMPLETING" or current.state in (State.DONE, State.OTHER, State.RUNNING, State.EVALUATING):
    return current
  if job.state == "RUNNING":
    # A lock on another node may be invisible here, so trust the queue.
    return current._replace(state=State.RUNNING, error="")
  so_far = f", step {current.step:,}" if current.step else ""
  return Status(State.WAITING, current.step, error=describe(job) + so_far)


def describe(job: Job) -> str:
  """The status of a job as text."""
  reason = "" if job.reason in ("None", "") else f" ({job.reason})"
  return f"job {job.id} is {job.state.lower()}{reason}"


def _file(folder: str, name: str, kind: str) -> str:
  return os.path.join(folder, f"{name.replace('/', '.')}.{kind}")


def _flags(options: JobOptions) -> list[str]:
  return ["--requeue", "--kill-on-invalid-dep=yes", "--nodes=1", "--ntasks=1", *options.every]


def _call(*command: str) -> str:
  """Calls one of Slurm's commands; returns its stdout.

  Raises:
    UserError: it cannot be called, or fails.
  """
  try:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
  except OSError as error:
    message = f"cannot call {command[0]} ({error.strerror}): --on=slurm needs a machine that can submit Slurm jobs"
    raise UserError(message) from error
  if done.returncode:
    lines = [line.replace(f"{command[0]}: error: ", "", 1).strip() for line in done.stderr.splitlines()]
    message = "; ".join(filter(None, lines)) or f"status {done.returncode}"
    raise UserError(f"{command[0]} failed: {message}")
  return done.stdout
