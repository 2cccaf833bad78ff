#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="SNIP (Lee et al. 2019), a baseline for lottery tickets: each level's mask comes from the initial weights and
their gradients on some batches of text, over all layers together, and is applied to the initial weights."

variants=dense_embedding
scores=snip
unused="--rewind --one_shot --controls --schedule_from"
parse "$@"
dense
separate lt "$levels" snip --mask_from=dense --mask_step=0 --control=snip
table
