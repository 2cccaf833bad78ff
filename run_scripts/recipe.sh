# The words that the drivers' recipes are written in. Sourced by `lib.sh`, not run.
# A step is done at once when its result is there, and writes its result completely or not at all. With --plan, runs are
# printed, not done: NAME and what `t2t_lottery/train.py` takes, with tabs between (`planning/run_graph.py` reads them).
#
# A run's name is its lineage: slt-50-60 is drawn from slt-50, which is drawn from dense; slt-50-60-mp-80 is pruned from
# there on by MP. So runs that two methods share have one name, and are trained once.

step() { [[ -n $plan ]] || python "$1" "${common[@]}" "${@:2}"; }
table() { step results --runs="$(IFS=,; echo "${shown[*]}")"; }
report() { [[ -n $plan ]] || python report "${place[@]}" --out="$runs_dir/report"; }

# Trains and evaluates one run: run NAME --method=... --level=... --mask_from=RUN
run() {
  [[ -z $plan ]] || (IFS=$'\t'; echo "$*")
  step train --run="$1" ${training[@]+"${training[@]}"} "${@:2}"
  step evaluate --run="$1" "${evaluation[@]}"
  shown+=("$1")
}

# The dense run, from which every method but MP starts.
dense() {
  step datagen --levels="$levels $switch" ${text[@]+"${text[@]}"}
  run dense
}

# A name that says, once, by which variant the run is pruned.
varied() { [[ -z $variant || $1 == *+$variant* ]] && echo "$1" || echo "$1+$variant"; }

# Levels of one method, each a ticket drawn from the run before: iterative METHOD LEVELS FROM NAME; NAME-LEVEL is the first.
# Leaves the name of the last one in `ticket`.
iterative() {
  local first level control flags before=$3
  first=$(varied "$4")${rewind_dense:++rewind_dense} ticket=$first
  for level in $2; do
    [[ -z $one_shot ]] || ticket=$first
    ticket+=-$level
    flags=(--method="$1" --level="$level" --mask_from="$before" ${rewind_dense:+--rewind_from=dense} ${variant:+--control="$variant"})
    run "$ticket" "${flags[@]}"
    for control in $controls; do run "$ticket+$control" "${flags[@]}" --control="$control"; done
    [[ -n $one_shot ]] || before=$ticket
  done
}

# Levels of which none is drawn from another: separate METHOD LEVELS NAME [FLAG...]
separate() {
  local level name
  name=$(varied "$3")
  for level in $2; do run "$name-$level" --method="$1" --level="$level" "${@:4}" ${variant:+--control="$variant"}; done
}
