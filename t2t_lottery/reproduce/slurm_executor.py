"""Executes a graph of runs with `--on=slurm`, and defines its flags."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence

from absl import flags

from t2t_lottery.data import manifest
from t2t_lottery.reproduce import console
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.reproduce.slurm import queue
from t2t_lottery.runs import config
from t2t_lottery.runs.run_status import Status
from t2t_lottery.utils import t2t_process

_PARTITION = flags.DEFINE_string("slurm_partition", None, "sbatch's --partition.")
_ACCOUNT = flags.DEFINE_string("slurm_account", None, "sbatch's --account.")
_TIME = flags.DEFINE_string("slurm_time", None, "sbatch's --time, for each start of a run.")
_MEM = flags.DEFINE_string("slurm_mem", None, "sbatch's --mem.")
_CPUS = flags.DEFINE_integer("slurm_cpus", None, "sbatch's --cpus-per-task.", lower_bound=1)
_GPUS = flags.DEFINE_string("slurm_gpus", None, "sbatch's --gpus-per-node, of each run.")
_SBATCH = flags.DEFINE_string("sbatch", "", "More flags for sbatch, quoted as in a shell.")
_RESTARTS = flags.DEFINE_integer("restarts", 3, "How often to restart a killed run.", lower_bound=0)


def _folder(settings: config.Settings) -> str:
  """The folder of the jobs' logs, which also identifies the jobs in the queue."""
  return os.path.join(os.path.realpath(settings.runs.runs_dir), settings.runs.problem, settings.runs.size, "slurm")


def _command(settings: config.Settings, argv: Sequence[str], name: str) -> list[str]:
  """The command of a job: this one, restricted to the job's part. If a flag is repeated, the last one counts."""
  where = {"runs_dir": settings.runs.runs_dir, "data_dir": settings.data_dir}
  if flags.FLAGS["tmp_dir"].present:
    where["tmp_dir"] = settings.tmp_dir
  own = [f"--{flag}={os.path.abspath(path)}" for flag, path in where.items()]
  return [*t2t_process.module("t2t_lottery.reproduce"), *argv, *own, "--on=here", f"--only={name}"]


def submit(
  settings: config.Settings,
  runs: Sequence[PlannedRun],
  read_statuses: Callable[[], Sequence[Status]],
  folder_of: Callable[[PlannedRun], str],
  argv: Sequence[str],
) -> str:
  """Submits jobs for the runs of the graph that are neither done nor in the queue.

  Args:
    settings: the settings.
    runs: the graph.
    read_statuses: returns the status of each run.
    folder_of: returns the folder of a run.
    argv: the flags of this command.

  Returns:
    A summary, on one line.

  Raises:
    UserError: Slurm rejects a job, or a folder contains another run.
  """
  flags_of_all = {
    "partition": _PARTITION.value,
    "account": _ACCOUNT.value,
    "time": _TIME.value,
    "mem": _MEM.value,
    "cpus-per-task": _CPUS.value,
  }
  options = queue.job_options(flags_of_all, _GPUS.value, _SBATCH.value, _RESTARTS.value)
  queue.check(options)
  has_data = manifest.is_complete(settings.runs.problem, settings.data_dir)
  jobs = queue.submit(
    runs,
    read_statuses,
    lambda run: os.path.abspath(folder_of(run)),
    _folder(settings),
    options,
    lambda name: _command(settings, argv, name),
    has_data,
  )
  new = sum(job is None for job in jobs.values())
  return f"{new} jobs submitted, {len(jobs) - new} already in the queue; logs: {_folder(settings)}"


def cancel(settings: config.Settings, runs: Sequence[PlannedRun]) -> str:
  """Cancels the jobs of the graph; running ones save first.

  Returns:
    A summary, on one line.

  Raises:
    UserError: squeue or scancel fails.
  """
  names = queue.cancel(runs, _folder(settings))
  return f"{len(names)} jobs cancelled" + (f": {', '.join(names)}" if names else "")


def status(
  settings: config.Settings, runs: Sequence[PlannedRun], read_statuses: Callable[[], Sequence[Status]], train_steps: int
) -> str:
  """The status of each run, from its files and the queue; only from its files if there is no squeue.

  Raises:
    UserError: squeue fails.
  """
  jobs = queue.queue(_folder(settings)) if shutil.which("squeue") else {}
  found = [jobs.get(queue.name_of(run)) for run in runs]
  statuses = [queue.status_of(job, current) if job else current for job, current in zip(found, read_statuses())]
  others = [f"{name}: {queue.describe(jobs[name])}" for name in (queue.DATAGEN, queue.TABLE) if name in jobs]
  return "\n".join([console.status(runs, statuses, train_steps), *others])
