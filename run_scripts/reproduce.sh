#!/usr/bin/env bash
# All runs of a table as one graph. See --help.
set -euo pipefail
# Hides all but errors of TensorFlow's C++ code.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

usage() {
  cat <<END
All runs of a table (the paper's Table 1 or 2) as one graph, in which runs that methods share appear once. Runs that are
already done, by this command or by a method's driver, are skipped. A run that fails is reported, runs that do not
depend on it continue, and the exit status is 1.

usage: $0 [flags]
  --methods="M ..."   of dense mp lt slt clt slt_mp mp_slt lrr finetune snip synflow supermask units heads
                      imp                                              [the paper's: all but the last eight]
  --levels="L ..."    sparsity of each level in percent, increasing    [the paper's]
  --seeds="N ..."     random seeds                                     [1 2]
  --jobs=N            runs to train in parallel, each with its share of cores and GPUs, as memory allows [1]
  --dry_run           only print the runs in their order, and the remaining steps, time and disk
  --devices=N         with --dry_run: how long everything takes on N GPUs or TPUs, one run each [--jobs]
  --status            only print the status of each run: watch $0 --status ...
  --on=slurm          submit each run as a Slurm job; --status and --cancel then include the queue  [here]
  --slurm_partition --slurm_account --slurm_time --slurm_mem --slurm_cpus --slurm_gpus
                      options of these jobs, as for sbatch             [the cluster's]
  --sbatch="..."      more flags for sbatch
  --restarts=N        how often to restart a run that is killed on its node  [3]
  --version           only print the version
and the flags of the drivers, except --hosts, --host_index and --plan:
  --problem --size --hparams_set --steps --hparams --data_seed --runs_dir --data_dir --tmp_dir --checkpoints --average --decoder
  --keep --gpus --bleu_tokenize --comet --comet_python --compute_type
  --name --train --dev --test --languages --vocab_size
  --t2t_usr_dir --rewind --rewind_step --schedule_from --prune_each --one_shot --variant --controls --switch
  --rewind_steps="T ..." --switches="L ..."   several t of SLT, several switches of SLT-MP and MP-SLT
  --checkpoint=DIR    for imp: the folder of the pre-trained BERT       (see $(dirname "$0")/imp.sh --help)
  --ticket_from=PROBLEM
                      for imp: take the masks of another task's runs
  --equal_training    also MP and SLT-MP with as many training steps in all as SLT's line
                      (see $(dirname "$0")/slt_mp.sh --help)
END
}

only_prints=
problem=translate_ende_wmt14
for flag; do
  case $flag in
    --name=*) problem=translate_${flag#*=} ;;
    --help | -h) usage; exit 0 ;;
    --version) exec "$root/run_scripts/setup.sh" --version ;;
    --status | --dry_run | --cancel) only_prints=yes ;;
  esac
done
# These commands change no files, so they must not make the environment either.
if [[ -z $only_prints ]]; then
  "$root/run_scripts/setup.sh"
elif [[ ! -x $root/.venv/bin/python ]]; then
  echo "$(basename "$0"): no environment that you can run: call $root/run_scripts/setup.sh to make it" >&2
  exit 1
fi
# -I: import nothing from the working folder.
exec "$root/.venv/bin/python" -Im t2t_lottery.reproduce --problem="$problem" --runs_dir="$root/runs" \
  --data_dir="$root/data" "$@"
