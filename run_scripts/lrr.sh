#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Learning-rate rewinding (Renda, Frankle and Carbin 2020): each level's mask comes from the final weights of the
previous level and is applied to these same weights; only the learning-rate schedule starts anew."

unused="--rewind --schedule_from"
parse "$@"
dense
iterative lrr "$levels" dense lrr
table
