#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Magnitude Pruning (paper, section 3; Zhu and Gupta 2018): one run for each sparsity, pruned gradually during
training."

variants=dense_embedding
uses="--equal_training"
unused="--rewind --one_shot --controls --schedule_from"
parse "$@"
dense
separate mp "$levels" mp
as_long_as_slt mp "$levels" mp ""
table
