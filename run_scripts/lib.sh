# What the drivers share: their flags, and one function for each step. Sourced, not run.
# A step is done at once when its result is there, and writes its result whole or not at all.
# Defaults are the paper's (section 4); a driver may set others before `parse`.
#
# A run's name is its line of descent: slt-50-60 is drawn from slt-50, which is drawn from dense; slt-50-60-mp-80 is pruned
# on from there by MP. So runs that two methods share have one name, and are trained once.

set -euo pipefail
# TensorFlow's C++ side speaks only of what goes wrong.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

problem=translate_ende_wmt14
size=base
levels="10 20 30 40 50 60 70 80 85 90 95 98"
switch=60
prune_each=
seed=1
runs_dir=$root/runs
data_dir=$root/data
tmp_dir=
steps=
hparams=
rewind=last
rewind_step=
one_shot=
controls=
variant=
# Of a driver's method: whether it prunes layer by layer alone; flags that say nothing to it.
layer_by_layer=
unused=
checkpoints=20
average=0
decoder=ctranslate2
keep=all
gpus=
hosts=
host_index=
shown=()
working=
ending=

usage() {
  cat <<EOF
$about

usage: $0 [flags]
  --problem=NAME      t2t problem                                      [$problem]
  --size=NAME         base (the paper's), small or tiny                [$size]
  --levels="L ..."    sparsity of each level in percent, rising        [$levels]
  --seed=N            random seed of each run                          [$seed]
  --steps=N           length of each run; other step counts scale      [the size's]
  --hparams=LIST      more t2t hparams for each run, as batch_size=1024 [none]
  --runs_dir=DIR      where runs and results lie                       [runs]
  --checkpoints=N     how many checkpoints each run saves              [$checkpoints]
  --average=N         evaluate also the mean of the last N checkpoints  [0]
  --keep=WHICH        of a finished run all checkpoints, or essential: the best, the last, step 0 and t [$keep]
  --decoder=NAME      ctranslate2, or the reference t2t (ten times slower) [$decoder]
  --data_dir=DIR      where t2t-datagen puts records                   [data]
  --tmp_dir=DIR       where raw text lies, or is downloaded to         [DATA_DIR/tmp]
  --gpus=N            train each run on N GPUs of this machine together  [1 if it has one]
  --hosts=HOST:PORT,... train each run on these machines together: start the same command on each of them
  --host_index=N      which of --hosts this machine is, 0 for the first [the one with its name or address]
for methods that draw tickets:
  --rewind=WHICH      rewind to the last level's run, or the dense run [$rewind]
  --rewind_step=N     t, the step to rewind to                         [5% of the length]
  --prune_each=P      prune P% of the remaining weights at each level, up to the last of --levels
  --one_shot          draw every level from the dense run
  --variant=NAME      prune so: dense_embedding, or (LT, SLT and CLT alone) global_magnitude
  --controls="C ..."  train beside each level also its ticket with random_signs, redrawn_values, permuted_values,
                      reinitialized, random_mask or (with --rewind=dense) shuffled_mask
  --switch=L          the level at which SLT-MP and MP-SLT change over [$switch]
  --version           only tell the version
A run, or a part of one, that is already there is not done again.
EOF
}

version() { awk -F'"' '/^version = / { print "t2t-lottery", $2 }' "$root/pyproject.toml"; }

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
      --version) version; exit 0 ;;
      --problem=* | --size=* | --levels=* | --seed=* | --steps=* | --hparams=* | --runs_dir=* | --data_dir=* | --tmp_dir=* | \
        --checkpoints=* | --average=* | --gpus=* | --hosts=* | --host_index=* | --decoder=ctranslate2 | --decoder=t2t | \
        --keep=all | --keep=essential | --rewind_step=* | --prune_each=* | --controls=* | --switch=*)
        printf -v "$(cut -c3- <<<"${flag%%=*}")" %s "${flag#*=}" ;;
      --rewind=last | --rewind=dense) rewind=${flag#*=} ;;
      --variant=global_magnitude | --variant=dense_embedding) variant=${flag#*=} ;;
      --one_shot) one_shot=yes ;;
      *) fail "unknown flag $flag (see $0 --help)" ;;
    esac
    [[ " $unused " != *" ${flag%%=*} "* ]] || fail "${flag%%=*} changes nothing here: $(basename "$0") has no use for it"
  done
  levels=$(normal "$levels") switch=$(normal "$switch")
  [[ -z $prune_each ]] || levels=$(remaining)
  check_levels
  check_controls
  [[ $variant != global_magnitude || -z $layer_by_layer ]] ||
    fail "--variant=global_magnitude is for lt.sh, slt.sh and clt.sh alone: this method does not prune so"
  case $size in base | small | tiny) ;; *) fail "size $size is none of base, small, tiny" ;; esac
  "$root/run_scripts/setup.sh"
  hold_environment
  common=(--problem="$problem" --size="$size" --seed="$seed" --runs_dir="$runs_dir" --data_dir="$data_dir"
    --tmp_dir="${tmp_dir:-$data_dir/tmp}" ${steps:+--steps="$steps"} ${rewind_step:+--rewind_step="$rewind_step"}
    --checkpoints="$checkpoints"
    ${hparams:+--hparams="$hparams"} ${hosts:+--hosts="$hosts"} ${host_index:+--host_index="$host_index"})
}

# In these, numbers have a point, whatever the user's language writes them with.
awk() { LC_ALL=C command awk "$@"; }
sort() { LC_ALL=C command sort "$@"; }

# From here to the driver's end setup.sh replaces no environment; between two steps none of them would keep it from that.
hold_environment() {
  local in_use
  [[ -f $root/.venv/pyvenv.cfg ]] || return 0
  exec {in_use}<"$root/.venv/pyvenv.cfg"
  flock -s "$in_use"
}

# Levels that each prune the same share of what the one before has left.
remaining() {
  awk -v share="$prune_each" -v last="${levels##* }" 'BEGIN {
    if (!(share > 0 && share < 100)) exit
    for (kept = 100 - share; 100 - kept < last; kept *= 1 - share / 100) printf "%s%.6g", sep++ ? " " : "", 100 - kept
    printf "%s%s", sep ? " " : "", last
  }'
}

# Numbers as the names of runs have them, 50 for 050 and 50.0 (`run_graph.level`); what is no number stays: normal "50.0 80"
normal() {
  local number words=()
  read -ra words <<<"$1"
  for number in "${words[@]}"; do
    if [[ $number =~ [0-9]$ && $number =~ ^0*([0-9]+)(\.([0-9]*[1-9])?0*)?$ ]]; then
      number=${BASH_REMATCH[1]}${BASH_REMATCH[3]:+.${BASH_REMATCH[3]}}
    fi
    echo "$number"
  done | paste -sd " " -
}

check_levels() {
  local level before=0
  [[ -z $prune_each || -n $levels ]] || fail "--prune_each=$prune_each is not a share of weights in percent"
  for level in $levels $switch; do
    [[ $level =~ ^[0123456789]+(\.[0123456789]+)?$ ]] || fail "level $level is not a percentage"
  done
  for level in $levels; do
    awk "BEGIN { exit !($level > $before && $level < 100) }" || fail "levels must rise from above 0 to below 100: $levels"
    before=$level
  done
  [[ -n $levels ]] || fail "--levels is empty"
}

check_controls() {
  local control
  for control in $controls; do
    case $control in
      random_signs | redrawn_values | permuted_values | reinitialized | random_mask) ;;
      shuffled_mask) [[ $rewind == dense ]] || fail "the control shuffled_mask needs weights that no level has pruned: --rewind=dense" ;;
      *) fail "unknown control $control: known are random_signs redrawn_values permuted_values reinitialized random_mask shuffled_mask" ;;
    esac
  done
}

# With -I, Python imports nothing from the working folder, such as a tokenize.py that lies there.
step() {
  python -Im "t2t_lottery.$1" "${common[@]}" "${@:2}"
}

# Python in the background, so that a signal is not kept back until it has ended. What is in the background ignores Ctrl-C
# if it is not told otherwise.
python() {
  local status
  [[ -z $ending ]] || exit $((128 + ending))
  (trap - INT && exec "$root/.venv/bin/python" "$@") &
  working=$!
  [[ -z $ending ]] || kill -s TERM "$working" 2>/dev/null || true
  while true; do
    status=0
    wait "$working" || status=$?
    # A signal ends `wait` before the step has ended.
    kill -0 "$working" 2>/dev/null || break
  done
  working=
  [[ -z $ending ]] || exit $((128 + ending))
  return "$status"
}

# Told to end, a driver tells the step at work, each time, and waits for what that saves.
end() {
  ending=${ending:-$1}
  [[ -z $working ]] || kill -s TERM "$working" 2>/dev/null || true
}
trap 'end 15' TERM
trap 'end 2' INT
trap 'end 1' HUP

# Trains, evaluates and shows one run: run NAME --method=... --level=... --mask_from=RUN
run() {
  step train --run="$1" ${gpus:+--gpus="$gpus"} "${@:2}"
  step evaluate --run="$1" --average="$average" --decoder="$decoder" --keep="$keep"
  shown+=("$1")
}

datagen() { step datagen --levels="$levels $switch"; }
table() { step results --runs="$(IFS=,; echo "${shown[*]}")"; }

# The page of all runs of this problem and size.
report() {
  python -Im t2t_lottery.report --runs_dir="$runs_dir" --problem="$problem" --size="$size" \
    --data_dir="$data_dir" --out="$runs_dir/report"
}

# The dense run, from which every method but MP starts.
dense() {
  datagen
  run dense
}

# The levels up to the one where two methods change over, that one included; those above it.
up_to_switch() { { tr ' ' '\n' <<<"$levels"; echo "$switch"; } | awk -v at="$switch" '$1 <= at' | sort -nu; }
above_switch() { tr ' ' '\n' <<<"$levels" | awk -v at="$switch" '$1 > at'; }

# A name that says by which variant the run is pruned, once.
varied() { [[ -z $variant || $1 == *+$variant* ]] && echo "$1" || echo "$1+$variant"; }

# Levels of one method, each a ticket drawn from the run before: iterative METHOD LEVELS FROM NAME; NAME-LEVEL is the first.
# Leaves the name of the last one in `ticket`.
iterative() {
  local before=$3 name level control flags
  name=$(varied "$4")
  [[ $rewind == last ]] || name+=+rewind_dense
  local first=$name
  for level in $2; do
    [[ -z $one_shot ]] || name=$first
    name+=-$level
    flags=(--method="$1" --level="$level" --mask_from="$before")
    [[ $rewind == last ]] || flags+=(--rewind_from=dense)
    run "$name" "${flags[@]}" ${variant:+--control="$variant"}
    for control in $controls; do run "$name+$control" "${flags[@]}" ${variant:+--control="$variant"} --control="$control"; done
    [[ -n $one_shot ]] || before=$name
  done
  ticket=$name
}

# Levels of magnitude pruning, each one run: gradual METHOD LEVELS NAME [FLAG...]
gradual() {
  local level name more=("${@:4}")
  name=$(varied "$3")
  [[ $1 == mp || $rewind == last ]] || more+=(--rewind_from=dense)
  for level in $2; do
    run "$name-$level" --method="$1" --level="$level" "${more[@]}" ${variant:+--control="$variant"}
  done
}

# Levels each drawn from the initial weights by a score: at_start CONTROL
at_start() {
  local level name
  name=$(varied "$1")
  for level in $levels; do
    run "$name-$level" --method=lt --level="$level" --mask_from=dense --mask_step=0 --control="$1" \
      ${variant:+--control="$variant"}
  done
}
