#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="MP-SLT (paper, section 3): MP to each sparsity up to the switch; from the last of these runs, SLT to each above."

variants=dense_embedding
uses="--switch --switches"
parse "$@"
dense
for switch in $switches; do
  separate mp "${below[$switch]}" mp
  mp=$last
  iterative mp_slt "${above[$switch]}" "$mp" "$mp-slt"
done
table
