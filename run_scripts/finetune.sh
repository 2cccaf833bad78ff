#!/usr/bin/env bash
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh" || exit
about="Fine-tuning (Han et al. 2015; Renda, Frankle and Carbin 2020): each level's mask comes from the final weights of the
previous level and is applied to these same weights, which then train at the last learning rate of the dense run."

unused="--rewind --schedule_from"
parse "$@"
dense
iterative finetune "$levels" dense finetune
table
