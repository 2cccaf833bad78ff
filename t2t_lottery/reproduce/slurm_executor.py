"""What `--on=slurm` does with a graph of runs, and the flags that say how."""

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
_TIME = flags.DEFINE_string("slurm_time", None, "sbatch's --time, of one stay of a run on a node.")
_MEM = flags.DEFINE_string("slurm_mem", None, "sbatch's --mem.")
_CPUS = flags.DEFINE_integer("slurm_cpus", None, "sbatch's --cpus-per-task.", lower_bound=1)
_GPUS = flags.DEFINE_string("slurm_gpus", None, "sbatch's --gpus-per-node, of each run.")
_SBATCH = flags.DEFINE_string("sbatch", "", "More flags for sbatch, as in a shell.")
_RESTARTS = flags.DEFINE_integer("restarts", 3, "How often a run that is killed is started again.", lower_bound=0)


def _folder(settings: config.Settings) -> str:
  """Where the jobs' logs are stored; the queue knows the jobs by it."""
  return os.path.join(os.path.realpath(settings.runs.runs_dir), settings.runs.problem, settings.runs.size, "slurm")


def _command(settings: config.Settings, argv: Sequence[str], name: str) -> list[str]:
  """What the job of a name does: what was requested here, of it alone. Of a flag given twice the last counts."""
  where = {"runs_dir": settings.runs.runs_dir, "data_dir": settings.data_dir}
  if flags.FLAGS["tmp_dir"].present:
    where["tmp_dir"] = settings.tmp_dir
  own = [f"--{flag}={os.path.abspath(path)}" for flag, path in where.items()]
  return [*t2t_process.module("t2t_lottery.reproduce"), *argv, *own, "--on=here", f"--only={name}"]


def submit(
  settings: config.Settings,
  runs: Sequence[PlannedRun],
  look: Callable[[], Sequence[Status]],
  where: Callable[[PlannedRun], str],
  argv: Sequence[str],
) -> str:
  """Hands the graph to Slurm; what is done or in the queue is not handed to it again.

  Args:
    settings: the settings.
    runs: the graph.
    look: returns the status of each run.
    where: returns the folder of a run.
    argv: the flags that this was called with.

  Returns:
    What has come of it, on one line.

  Raises:
    UserError: if Slurm does not take it.
  """
  flags_of_all = {
    "partition": _PARTITION.value,
    "account": _ACCOUNT.value,
    "time": _TIME.value,
    "mem": _MEM.value,
    "cpus-per-task": _CPUS.value,
  }
  wanted = queue.wanted(flags_of_all, _GPUS.value, _SBATCH.value, _RESTARTS.value)
  queue.check(wanted)
  has_data = manifest.is_complete(settings.runs.problem, settings.data_dir)
  jobs = queue.submit(
    runs,
    look,
    lambda run: os.path.abspath(where(run)),
    _folder(settings),
    wanted,
    lambda name: _command(settings, argv, name),
    has_data,
  )
  new = sum(job is None for job in jobs.values())
  return f"{new} jobs submitted, {len(jobs) - new} in the queue before; their logs: {_folder(settings)}"


def cancel(settings: config.Settings, runs: Sequence[PlannedRun]) -> str:
  """Takes the graph from the queue; running ones are saved.

  Returns:
    What has come of it, on one line.

  Raises:
    UserError: if Slurm does not answer.
  """
  names = queue.cancel(runs, _folder(settings))
  return f"{len(names)} jobs cancelled" + (f": {', '.join(names)}" if names else "")


def status(
  settings: config.Settings, runs: Sequence[PlannedRun], look: Callable[[], Sequence[Status]], train_steps: int
) -> str:
  """The status of each run, by its files and by the queue; by its files alone where there is no squeue.

  Raises:
    UserError: if squeue does not answer.
  """
  jobs = queue.queue(_folder(settings)) if shutil.which("squeue") else {}
  found = [jobs.get(queue.name_of(run)) for run in runs]
  statuses = [queue.seen_from(job, current) if job else current for job, current in zip(found, look())]
  others = [f"{name}: {queue.in_words(jobs[name])}" for name in (queue.DATAGEN, queue.TABLE) if name in jobs]
  return "\n".join([console.status(runs, statuses, train_steps), *others])
