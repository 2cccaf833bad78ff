#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Stabilized Lottery Ticket pruning (paper, section 3): each level's mask comes from the final weights of the
previous level and is applied to its early weights, theta_t. With --rewind_steps, at each t: 0 is LT, the end of the run
learning-rate rewinding."

uses="--rewind_steps"
parse "$@"
dense
for t in $rewind_steps; do
  case $t in
    0) iterative lt "$levels" dense lt ;;
    t) iterative slt "$levels" dense slt ;;
    T) iterative lrr "$levels" dense lrr ;;
    *) iterative slt "$levels" dense "slt+t_$t" --rewind_step="$t" ;;
  esac
done
table
