#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="SynFlow (Tanaka et al. 2020), a baseline for lottery tickets: each level's mask comes from the initial weights
alone, layer by layer or (--variant=global_scores) across all layers, and is applied to them."

variants='global_scores dense_embedding'
unused="--rewind --one_shot --controls --schedule_from"
parse "$@"
dense
separate lt "$levels" synflow --mask_from=dense --mask_step=0 --control=synflow
table
