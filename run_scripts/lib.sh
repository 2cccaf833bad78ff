# What the drivers share: environment, flags and signals; `recipe.sh` has the words of their recipes. Sourced, not run.

set -euo pipefail
# TensorFlow's C++ side reports only what goes wrong.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# What a driver may set before `parse`, and what a recipe finds set after it.
defaults=() unused='' layer_by_layer=''
levels='' below='' above='' switch='' controls='' one_shot='' rewind_dense='' variant='' runs_dir='' plan=''
place=() common=() text=() training=() evaluation=() shown=() working='' ending=''

# Sets the recipe's variables from the driver's flags (`driver_flags.py`) and prepares the environment.
parse() {
  local code interpreter=$root/.venv/bin/python in_use
  [[ " $* " != *" --version "* ]] || exec "$root/run_scripts/setup.sh" --version
  # Flags are checked, and help is printed, before there is an environment if the machine has some Python.
  [[ -x $interpreter ]] || interpreter=$(command -v python3) ||
    { "$root/run_scripts/setup.sh" && interpreter=$root/.venv/bin/python; }
  code=$(cd "$root" && "$interpreter" -sE -m t2t_lottery.reproduce.planning.driver_flags \
    --driver="${0##*/}" --about="$about" --unused="$unused" --layer_by_layer="$layer_by_layer" \
    ${defaults[@]+"${defaults[@]}"} -- "$@") || exit
  eval "$code"
  [[ -z $plan ]] || return 0
  "$root/run_scripts/setup.sh"
  # From here to the driver's end setup.sh replaces no environment, between two steps either.
  [[ ! -f $root/.venv/pyvenv.cfg ]] || { exec {in_use}<"$root/.venv/pyvenv.cfg" && flock -s "$in_use"; }
}

# Python in the background, so that a signal is not kept back until it has ended. What is in the background ignores Ctrl-C
# unless told otherwise. With -I it imports nothing from the working folder, such as a tokenize.py there.
python() {
  local status
  [[ -z $ending ]] || exit $((128 + ending))
  (trap - INT && exec "$root/.venv/bin/python" -Im "t2t_lottery.$1" "${@:2}") &
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

# A driver passes each signal to end on to the step that is running, and waits for what that saves.
end() {
  ending=${ending:-$1}
  [[ -z $working ]] || kill -s TERM "$working" 2>/dev/null || true
}
trap 'end 15' TERM
trap 'end 2' INT
trap 'end 1' HUP

source "$root/run_scripts/recipe.sh"
