#!/usr/bin/env bash
# All runs of a table as one graph. See --help.
set -euo pipefail
# TensorFlow's C++ side speaks only of what goes wrong.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

usage() {
  cat <<END
All runs of a table (the paper's Table 1 or 2) as one graph, in which runs that methods share appear once. What is done
already, by this command or by a method's driver, is not done again. A run that fails is reported, and what does not depend
on it goes on; the exit status tells.

usage: $0 [flags]
  --methods="M ..."   of dense mp lt slt clt slt_mp mp_slt snip synflow  [the paper's: all but the last two]
  --levels="L ..."    sparsity of each level in percent, rising        [the paper's]
  --seeds="N ..."     random seeds                                     [1 2]
  --jobs=N            runs to train side by side, each with its share of cores and GPUs, as memory allows [1]
  --dry_run           only show the runs in their order, and the steps, time and disk that remain
  --devices=N         with --dry_run: how long all of it takes on N GPUs or TPUs, one run each [--jobs]
  --status            only show the status of each run: watch $0 --status ...
  --on=slurm          hand the runs to Slurm, a job each; --status and --cancel then look at the queue as well  [here]
  --slurm_partition --slurm_account --slurm_time --slurm_mem --slurm_cpus --slurm_gpus
                      of each of these jobs, as sbatch takes them      [the cluster's]
  --sbatch="..."      more flags for sbatch
  --restarts=N        how often a run that is killed on its node is started again  [3]
  --version           only tell the version
as the drivers take them, all but --hosts, --host_index and --plan:
  --problem --size --steps --hparams --runs_dir --data_dir --tmp_dir --checkpoints --average --decoder --keep --gpus
  --name --train --dev --test --languages --vocab_size
  --t2t_usr_dir --rewind --rewind_step --prune_each --one_shot --variant --controls --switch       (see $(dirname "$0")/slt_mp.sh --help)
END
}

looks=
problem=translate_ende_wmt14
for flag; do
  case $flag in
    --name=*) problem=translate_${flag#*=} ;;
    --help | -h) usage; exit 0 ;;
    --version) awk -F'"' '/^version = / { print "t2t-lottery", $2 }' "$root/pyproject.toml"; exit 0 ;;
    --status | --dry_run | --cancel) looks=yes ;;
  esac
done
# Who only looks changes nothing, the environment included.
if [[ -z $looks ]]; then
  "$root/run_scripts/setup.sh"
elif [[ ! -x $root/.venv/bin/python ]]; then
  echo "$(basename "$0"): there is no environment yet that you can run: $root/run_scripts/setup.sh makes it" >&2
  exit 1
fi
# Nothing of the working folder's is imported (-I).
exec "$root/.venv/bin/python" -Im t2t_lottery.reproduce --problem="$problem" --runs_dir="$root/runs" \
  --data_dir="$root/data" "$@"
