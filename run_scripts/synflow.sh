#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="SynFlow (Tanaka et al. 2020), a baseline for lottery tickets: each level's mask comes from the initial weights
alone, layer by layer, and is applied to them."

layer_by_layer=yes
unused="--rewind --one_shot --controls --switch --schedule_from --switches --rewind_steps"
parse "$@"
dense
separate lt "$levels" synflow --mask_from=dense --mask_step=0 --control=synflow
table
