#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Tickets of whole feed-forward units: each level's mask comes from the units' activations in the final model of the
previous level, block by block (or --variant=magnitude), and is applied to its early weights, theta_t. A level is the
share of the units that are removed in each block; embeddings and attention stay dense, until --slt_levels prune them."

variants=magnitude
uses=--slt_levels
scores=units
parse "$@"
dense --structure=units
iterative slt "$levels" dense units --control=units
then_slt "$ticket"
table
