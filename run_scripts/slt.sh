#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Stabilized Lottery Ticket pruning (paper, section 3): each level's mask comes from the final weights of the
previous level and is applied to its early weights, theta_t."

unused="--switch"
parse "$@"
dense
iterative slt "$levels" dense slt
table
