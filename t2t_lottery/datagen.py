"""Makes a problem's data by t2t-datagen: `python -m t2t_lottery.datagen --problem=...`. At once if it is there
whole.
"""

from __future__ import annotations

from absl import flags

from t2t_lottery.data import manifest
from t2t_lottery.reproduce import problem_check
from t2t_lottery.runs import command_flags, config, paths, training_log
from t2t_lottery.utils import command_line, errors, t2t_process

_LEVELS = flags.DEFINE_string(
  "levels", "", "Sparsities in percent of the runs to come, which are checked before anything is made."
)


def datagen(settings: config.Settings) -> None:
  """Makes the data.

  Raises:
    UserError: if there is no such problem, or its translations could not be scored; if t2t-datagen fails.
  """
  problem = settings.runs.problem
  if manifest.is_whole(problem, settings.data_dir):
    return
  problem_check.check(problem, settings.data_dir)
  print(f"{problem}: generating data", flush=True)
  shown = training_log.DataProgress(problem)
  log = paths.datagen_log(settings.data_dir, problem)
  status = t2t_process.run(
    [
      *t2t_process.t2t("t2t_datagen"),
      f"--t2t_usr_dir={t2t_process.usr_dir()}",
      f"--problem={problem}",
      f"--data_dir={settings.data_dir}",
      f"--tmp_dir={settings.tmp_dir}",
    ],
    log,
    shown.read,
  )
  if status:
    raise t2t_process.failed(f"{problem}: t2t-datagen", status, log)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    settings = command_flags.read()
    config.check_levels(settings, _LEVELS.value.split())
    datagen(settings)


if __name__ == "__main__":
  command_line.run(main)
