#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="SLT-MP (paper, section 3): SLT up to the switch; from its mask and theta_t, MP to each sparsity above."
defaults=(--levels="50 60 70 80 85 90 95 98")

variants=dense_embedding
uses="--switch --switches --equal_training"
parse "$@"
dense
for switch in $switches; do
  iterative slt "${below[$switch]}" dense slt
  flags=(--initial_level="$switch" --mask_from="$ticket" ${rewind_dense:+--rewind_from=dense}
    ${schedule_from:+--schedule_from="$schedule_from"})
  separate slt_mp "${above[$switch]}" "$ticket-mp" "${flags[@]}"
  as_long_as_slt slt_mp "${above[$switch]}" "$ticket-mp" "dense ${below[$switch]}" --mask_step="$train_steps" "${flags[@]}"
done
table
