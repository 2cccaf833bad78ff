# Common to the drivers: environment, flags and signals; `recipe.sh` has the steps of their recipes. Sourced, not run.

set -euo pipefail
# Hides all but errors of TensorFlow's C++ code.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# Set by a driver before `parse`: its own defaults, the flags without effect, which of `few` have one, its variants, controls
# that change nothing, the control by which its tickets are scored.
defaults=() unused='' uses='' variants='global_magnitude dense_embedding' controls_without_effect='' scores=''
# Flags that few drivers use.
few='--switch --switches --rewind_steps --equal_training --checkpoint --ticket_from --slt_levels'
# Set by `parse`.
levels='' switches='' rewind_steps='' rewind_also='' controls='' one_shot='' rewind_dense='' schedule_from='' data_seed='' variant='' runs_dir='' plan=''
equal_training='' structures_stay='' train_steps='' rewind_step='' ticket_from='' slt_levels=''
declare -A below=() above=() slt_runs=()
location=() common=() text=() training=() evaluation=()
# Runs so far, last of them that is no twin, process of the running step, signal received.
runs=() last='' child='' received=''

# Sets the recipe's variables from the driver's flags (`driver_flags.py`) and prepares the environment.
parse() {
  local code interpreter=$root/.venv/bin/python in_use flag
  for flag in $few; do [[ " $uses " == *" $flag "* ]] || unused+=" $flag"; done
  [[ " $* " != *" --version "* ]] || exec "$root/run_scripts/setup.sh" --version
  # With any Python, flags are checked and help is printed before the environment is made.
  [[ -x $interpreter ]] || interpreter=$(command -v python3) ||
    { "$root/run_scripts/setup.sh" && interpreter=$root/.venv/bin/python; }
  code=$(cd "$root" && "$interpreter" -sE -m t2t_lottery.reproduce.planning.driver_flags \
    --driver="${0##*/}" --about="$about" --unused="$unused" --variants="$variants" \
    --controls_without_effect="$controls_without_effect" --scores="$scores" \
    ${defaults[@]+"${defaults[@]}"} -- "$@") || exit
  eval "$code"
  [[ -z $plan ]] || return 0
  "$root/run_scripts/setup.sh"
  # Until the driver exits, setup.sh cannot replace the environment, not even between two steps.
  [[ ! -f $root/.venv/pyvenv.cfg ]] || { exec {in_use}<"$root/.venv/pyvenv.cfg" && flock -s "$in_use"; }
}

# Runs Python in the background, because bash handles a signal only after a foreground command has ended. A background
# command ignores Ctrl-C unless the trap is reset. -I: import nothing from the working folder, such as a tokenize.py.
python() {
  local status
  [[ -z $received ]] || exit $((128 + received))
  (trap - INT && exec "$root/.venv/bin/python" -Im "t2t_lottery.$1" "${@:2}") &
  child=$!
  [[ -z $received ]] || kill -s TERM "$child" 2>/dev/null || true
  while true; do
    status=0
    wait "$child" || status=$?
    # A signal interrupts `wait` before the step has ended.
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  [[ -z $received ]] || exit $((128 + received))
  return "$status"
}

# Passes each signal on to the running step, which saves; `python` waits for it.
forward() {
  received=${received:-$1}
  [[ -z $child ]] || kill -s TERM "$child" 2>/dev/null || true
}
trap 'forward 15' TERM
trap 'forward 2' INT
trap 'forward 1' HUP

source "$root/run_scripts/recipe.sh"
