#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="The dense Transformer (paper, section 4), from which every method starts."

unused="--levels --prune_each --rewind --one_shot --variant --controls --schedule_from"
parse "$@"
dense
table
