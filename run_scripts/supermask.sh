#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Supermask (Zhou et al. 2019; learned as by Ghosh et al. 2024), a baseline for lottery tickets: each level's mask is
learned on the training text while the initial weights stay as they are, over all layers together, and is applied to them."

variants=dense_embedding
scores=supermask
unused="--rewind --one_shot --controls --schedule_from"
parse "$@"
dense
separate lt "$levels" supermask --mask_from=dense --mask_step=0 --control=supermask
table
