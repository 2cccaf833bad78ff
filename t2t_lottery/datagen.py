"""Makes a problem's data by t2t-datagen: `python -m t2t_lottery.datagen --problem=...`. At once if it is there
whole.
"""

from __future__ import annotations

from absl import flags

from t2t_lottery import command, errors, known_problem, paths, progress, rawtext, settings, subprocesses

_LEVELS = flags.DEFINE_string(
  "levels", "", "Sparsities in percent of the runs to come, which are checked before anything is made."
)


def datagen(config: settings.Settings) -> None:
  """Makes the data.

  Raises:
    UserError: if there is no such problem, or its translations could not be scored; if t2t-datagen fails.
  """
  problem = config.runs.problem
  if rawtext.is_whole(problem, config.data_dir):
    return
  known_problem.check(problem, config.data_dir)
  print(f"{problem}: generating data", flush=True)
  shown = progress.DataProgress(problem)
  log = paths.datagen_log(config.data_dir, problem)
  status = subprocesses.run(
    [
      *subprocesses.t2t("t2t_datagen"),
      f"--t2t_usr_dir={subprocesses.usr_dir()}",
      f"--problem={problem}",
      f"--data_dir={config.data_dir}",
      f"--tmp_dir={config.tmp_dir}",
    ],
    log,
    shown.read,
  )
  if status:
    raise subprocesses.failed(f"{problem}: t2t-datagen", status, log)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    settings.check_levels(config, _LEVELS.value.split())
    datagen(config)


if __name__ == "__main__":
  command.run(main)
