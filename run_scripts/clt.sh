#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Constant Lottery Ticket pruning (paper, section 3): like SLT, but all kept weights of a layer start with the same
magnitude and the signs of theta_t."

# All kept weights of a layer have one magnitude.
controls_without_effect="constant_values permuted_values"
parse "$@"
dense
iterative clt "$levels" dense clt
table
