# The functions that the drivers' recipes are written in. Sourced by `lib.sh`, not run.
# A step is skipped if already done, and writes its result completely or not at all. With --plan, runs are printed, not
# executed: tab-separated, NAME and the flags of `t2t_lottery/train.py` (`planning/run_graph.py` reads them).
#
# A run's name states its lineage: slt-50-60 is drawn from slt-50, which is drawn from dense; slt-50-60-mp-80 is pruned
# from slt-50-60 by MP. So a run that two methods share has one name and is trained once.

step() { [[ -n $plan ]] || python "$1" "${common[@]}" "${@:2}"; }
table() { step results --runs="$(IFS=,; echo "${runs[*]}")"; }
report() { [[ -n $plan ]] || python report "${location[@]}"; }

# Trains and evaluates one run, and with --data_seed its twin, which differs in the order of batches alone:
# run NAME --method=... --level=... --mask_from=RUN
run() {
  local twin=()
  last=$1
  run_one "$@"
  [[ -n $data_seed ]] || return 0
  # Scores may come from batches: a ticket that the twin draws itself would be another.
  [[ " ${*:2}" != *" --mask_from="* ]] || twin=(--ticket_of="$1")
  run_one "$1+data_seed_$data_seed" "${@:2}" --data_seed="$data_seed" ${twin[@]+"${twin[@]}"}
}

run_one() {
  # The levels below two switches are the same runs.
  [[ " ${runs[*]-} " != *" $1 "* ]] || return 0
  [[ -z $plan ]] || (IFS=$'\t'; echo "$*")
  step train --run="$1" ${training[@]+"${training[@]}"} "${@:2}"
  step evaluate --run="$1" "${evaluation[@]}"
  runs+=("$1")
}

# Trains a ticket, and it with one thing changed for each of --controls, or several: random_signs+constant_values.
with_controls() {
  local control parts flags
  run "$@"
  for control in $controls; do
    IFS=+ read -ra parts <<<"$control"
    flags=("${@:2}")
    # Of a ticket that rewinds to unpruned weights, a random mask keeps any of them, not only those that the level before kept.
    [[ -n $structures_stay || " ${parts[*]} " != *" random_mask "* || " ${flags[*]} " != *" --rewind_from=dense "* ]] ||
      flags=("${flags[@]/#--mask_from=*/--mask_from=dense}")
    run "$1+$control" "${flags[@]}" "${parts[@]/#/--control=}"
  done
}

# The dense run, from which every method but MP starts: dense [FLAG of datagen...]
dense() {
  local all=$levels
  [[ " $uses " != *" --switch "* ]] || all+=" $switches"
  step datagen --levels="$all" ${slt_levels:+--slt_levels="$slt_levels"} ${text[@]+"${text[@]}"} "$@"
  run dense ${rewind_also:+--rewind_also="$rewind_also"}
}

# Adds the variant to a name that does not contain it.
with_variant() { [[ -z $variant || $1 == *+$variant* ]] && echo "$1" || echo "$1+$variant"; }

# Levels of one method, each a ticket drawn from the previous run: iterative METHOD LEVELS FROM NAME [FLAG...]; the first
# run is NAME-LEVEL. Sets `ticket` to the name of the last one.
iterative() {
  local first level before=$3
  first=$(with_variant "$4")${schedule_from:++schedule_from_$schedule_from}${rewind_dense:++rewind_dense} ticket=$first
  for level in $2; do
    [[ -z $one_shot ]] || ticket=$first
    ticket+=-$level
    with_controls "$ticket" --method="$1" --level="$level" --mask_from="$before" ${rewind_dense:+--rewind_from=dense} \
      ${schedule_from:+--schedule_from="$schedule_from"} "${@:5}" ${variant:+--control="$variant"}
    [[ -n $one_shot ]] || before=$ticket
  done
}

# With --slt_levels, SLT from a ticket of structures, which stay removed: then_slt TICKET [VARIANT]. Without a variant, each
# layer has the same sparsity. The runs are SLT's, on this ticket.
then_slt() {
  local variant=${2:-} on=${1//./p} structures_stay=yes
  iterative slt "$slt_levels" "$1" "slt+${on//-/_}"
}

# Dense run and levels with the masks of another task's chain, each at its own level: transferred METHOD LEVELS NAME [FLAG...]
transferred() {
  local level masks=() source=$3
  for level in $2; do
    [[ -z $one_shot ]] || source=$3
    source+=-$level
    masks+=("$ticket_from/$source")
  done
  dense --masks_from="${masks[*]}"
  for source in "${masks[@]}"; do
    with_controls "$3+ticket_from_$ticket_from${source#"$ticket_from/$3"}" --method="$1" --level="${source##*-}" \
      --mask_from="$source" "${@:4}"
  done
}

# Independent levels, none drawn from another: separate METHOD LEVELS NAME [FLAG...]
separate() {
  local level name
  name=$(with_variant "$3")
  for level in $2; do run "$name-$level" --method="$1" --level="$level" "${@:4}" ${variant:+--control="$variant"}; done
}

# With --equal_training, the same levels in runs as long as SLT's line up to each, less what the ticket has had (BEFORE, a
# word for each run): as_long_as_slt METHOD LEVELS NAME BEFORE [FLAG...]. A run that needs no more steps is left out.
as_long_as_slt() {
  [[ -n $equal_training ]] || return 0
  local level steps before
  read -ra before <<<"$4"
  for level in $2; do
    steps=$(((slt_runs[$level] - ${#before[@]}) * train_steps))
    ((steps == train_steps)) || separate "$1" "$level" "$(with_variant "$3")+steps_$steps" --steps="$steps" \
      --rewind_step="$rewind_step" "${@:5}"
  done
}
