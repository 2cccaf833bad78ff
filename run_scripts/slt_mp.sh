#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="SLT-MP (paper, section 3): SLT up to the switch; from its theta_t under its mask, MP to each sparsity above."
levels="50 60 70 80 85 90 95 98"

layer_by_layer=yes
parse "$@"
dense
iterative slt "$(up_to_switch)" dense slt
gradual slt_mp "$(above_switch)" "$ticket-mp" --initial_level="$switch" --mask_from="$ticket"
table
