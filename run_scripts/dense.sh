#!/usr/bin/env bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
about="The dense Transformer (paper, section 4), from which every method starts."

parse "$@"
dense
table
