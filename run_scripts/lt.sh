#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Lottery Ticket pruning (paper, section 3): each level's mask comes from the final weights of the previous level
and is applied to the initial weights, theta_0."

unused="--schedule_from"
parse "$@"
dense
iterative lt "$levels" dense lt
table
