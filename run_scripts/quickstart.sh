#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Sets everything up, then draws, trains and compares lottery tickets on text included in the project:
a dense Transformer and its SLT tickets. --smallest: the same in a minute or two, too short to learn anything."

# On such regular text, many small batches learn more in the same time, and dropout only slows learning.
defaults=(--problem=translate_enfr_grammar --size=tiny --steps=1400 --checkpoints=10 --levels="50 90 98"
  --hparams="batch_size=512,layer_prepostprocess_dropout=0,attention_dropout=0,relu_dropout=0"
  --runs_dir="$root/runs/quickstart")
if [[ ${1:-} == --smallest ]]; then
  defaults+=(--steps=40 --levels=90 --runs_dir="$root/runs/quickstart-smallest")
  shift
fi

parse "$@"
dense
iterative slt "$levels" dense slt
table
report
