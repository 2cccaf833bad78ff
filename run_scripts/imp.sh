#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Iterative magnitude pruning of a pre-trained BERT (Chen et al. 2020): each level's mask comes from the final weights of
the previous level, over all matrices of the encoder together, and is applied to the pre-trained weights, theta_0. The
task head is rewound too, to the random weights that the dense run started with. With --rewind_steps, to the dense run's
weights of each of these steps. A level prunes 10% of all weights, as
their code does; with --prune_each=10 it prunes 10% of the remaining ones, as their Algorithm 1. With --variant=layer_magnitude
each matrix is pruned by itself. With --variant=heads, mlps or heads_mlps it removes whole attention heads, MLPs, or the same share
of both, by their importance (Michel et al. 2019; Prasanna et al. 2020). Data: --tmp_dir has the files of the task, such as
GLUE's or SQuAD's."

defaults=(--problem=glue_rte --hparams_set=bert_base --levels="10 20 30 40 50 60 70 80 90" --checkpoints=2 --rewind=dense
  --rewind_steps=0)
uses="--checkpoint --ticket_from --rewind_steps"
unused="--size --rewind --rewind_step --schedule_from --average --decoder --bleu_tokenize --compute_type --comet
  --comet_python --name --train --dev --test --languages --vocab_size"
variants="layer_magnitude heads mlps heads_mlps"
parse "$@"
# Theta_0 is the dense run's at every level, so names do not say it.
rewind_dense='' structure=${variant#layer_magnitude}
if [[ -n $ticket_from ]]; then
  transferred lt "$levels" imp --rewind_from=dense
else
  dense ${structure:+--structure="$structure"}
  for i in $rewind_steps; do
    case $i in
      0) iterative lt "$levels" dense imp --rewind_from=dense ;;
      *) iterative slt "$levels" dense "imp+t_$i" --rewind_from=dense --rewind_step="$i" ;;
    esac
  done
fi
table
