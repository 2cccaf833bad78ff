#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Tickets of whole attention heads: each level's mask comes from the heads' importance (Michel et al. 2019) in the final
model of the previous level, over all attention blocks together, from --variant=magnitude or from gates that are learned
(--variant=gates, Voita et al. 2019), and is applied to its early weights, theta_t. A level is the share of the heads that
are removed; all other layers stay dense, until --slt_levels prune them, all together because blocks differ in their heads."

variants='magnitude gates'
uses=--slt_levels
scores=heads
parse "$@"
dense --structure=heads
iterative slt "$levels" dense heads --control=heads
then_slt "$ticket" global_magnitude
table
