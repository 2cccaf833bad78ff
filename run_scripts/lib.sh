# What the drivers share: their flags, and one function for each step. Sourced, not run.
# A step is done at once when its result is there, and writes its result whole or not at all.
# Defaults are the paper's (section 4); a driver may set others before `parse`.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

problem=translate_ende_wmt14
size=base
levels="10 20 30 40 50 60 70 80 85 90 95 98"
seed=1
runs_dir=$root/runs
data_dir=$root/data
tmp_dir=
steps=
hparams=
rewind=last

usage() {
  cat <<EOF
$about

usage: $0 [flags]
  --problem=NAME    t2t problem                                      [$problem]
  --size=NAME       base (the paper's), small or tiny                [$size]
  --levels="L ..."  sparsity of each level in percent, rising        [$levels]
  --seed=N          random seed of each run                          [$seed]
  --steps=N         length of each run; other step counts scale      [the size's]
  --hparams=LIST    more t2t hparams for each run, as batch_size=1024 [none]
  --rewind=WHICH    rewind to the last level's run, or the dense run [$rewind]
  --runs_dir=DIR    where runs and results lie                       [runs]
  --data_dir=DIR    where t2t-datagen puts records                   [data]
  --tmp_dir=DIR     where raw text lies, or is downloaded to         [DATA_DIR/tmp]
A run, or a part of one, that is already there is not done again.
EOF
}

fail() {
  echo "$(basename "$0"): $1" >&2
  exit 2
}

# Sets the variables above from the driver's flags and prepares the environment.
parse() {
  local flag
  for flag in "$@"; do
    case $flag in
      --help | -h) usage; exit 0 ;;
      --problem=* | --size=* | --levels=* | --seed=* | --steps=* | --hparams=* | --runs_dir=* | --data_dir=* | --tmp_dir=*)
        printf -v "$(cut -c3- <<<"${flag%%=*}")" %s "${flag#*=}" ;;
      --rewind=last | --rewind=dense) rewind=${flag#*=} ;;
      *) fail "unknown flag $flag (see $0 --help)" ;;
    esac
  done
  check_levels
  "$root/run_scripts/setup.sh"
  common=(--problem="$problem" --size="$size" --seed="$seed" --runs_dir="$runs_dir" --data_dir="$data_dir"
    --tmp_dir="${tmp_dir:-$data_dir/tmp}" ${steps:+--steps="$steps"} ${hparams:+--hparams="$hparams"})
}

check_levels() {
  local level before=0
  for level in $levels; do
    [[ $level =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "level $level is not a percentage"
    awk "BEGIN { exit !($level > $before && $level < 100) }" || fail "levels must rise from above 0 to below 100: $levels"
    before=$level
  done
  [[ -n $levels ]] || fail "--levels is empty"
}

step() {
  "$root/.venv/bin/python" -m "t2t_lottery.$1" "${common[@]}" "${@:2}"
}

datagen() { step datagen; }                                    # datagen
train() { step train --run="$1" "${@:2}"; }                    # train RUN --method=... --level=... --mask_from=RUN
evaluate() { step evaluate --run="$1"; }                       # evaluate RUN
table() { step results --methods="$1"; }                       # table METHOD,...

# The dense run, from which every method starts.
dense() {
  datagen
  train dense
  evaluate dense
}

# Levels of one method, each a ticket drawn from the level before: iterative METHOD
iterative() {
  local before=dense level
  for level in $levels; do
    local from=$before
    [[ $rewind == dense ]] && from=dense
    train "$1-$level" --method="$1" --level="$level" --mask_from="$before" --rewind_from="$from"
    evaluate "$1-$level"
    before=$1-$level
  done
}
