"""hparams sets of `lottery_bert`: sizes of BERT, fine-tuned as by Chen et al. (2020, section 2)."""

from tensor2tensor.layers import common_hparams
from tensor2tensor.utils import registry

from hparams import pruning
from t2t_lottery.runs import presets


def fine_tuning(size):
  """A dense BERT of a size.

  Adam without weight decay equals AdamW as Chen et al. set it (epsilon 1e-8, no decay); gradients are clipped to norm 1;
  the learning rate falls linearly from 2e-5 to 0 at the end of the run, without warm-up; batches have 32 examples.
  """
  hparams = common_hparams.basic_params1()
  hparams.hidden_size = size.hidden_size
  hparams.num_hidden_layers = size.num_hidden_layers
  hparams.add_hparam("num_heads", size.num_heads)
  hparams.add_hparam("filter_size", size.filter_size)
  hparams.add_hparam("gelu", "erf")
  hparams.add_hparam("attention_dropout", 0.1)
  hparams.layer_prepostprocess_dropout = 0.1
  hparams.max_length = presets.BERT_POSITIONS
  hparams.batch_size = 32
  hparams.use_fixed_batch_size = True
  # In batches; t2t fills the buffer before the first step.
  hparams.batch_shuffle_size = 64
  hparams.shared_embedding_and_softmax_weights = False
  hparams.label_smoothing = 0.0
  hparams.optimizer = "true_adam"
  hparams.optimizer_adam_beta1 = 0.9
  hparams.optimizer_adam_beta2 = 0.999
  hparams.optimizer_adam_epsilon = 1e-8
  hparams.weight_decay = 0.0
  hparams.clip_grad_norm = 1.0
  hparams.learning_rate_schedule = "constant*linear_decay"
  hparams.learning_rate_constant = 2e-5
  hparams.learning_rate_warmup_steps = 0
  # 0: the run's length.
  hparams.learning_rate_decay_steps = 0
  pruning.add(hparams, "dense")
  hparams.rewind_step = 0
  return hparams


def register():
  """Registers the sets with t2t."""
  for name, size in presets.BERT_SIZES.items():

    def hparams_set(size=size):
      return fine_tuning(size)

    hparams_set.__doc__ = "BERT of hidden size {}, {} layers, {} heads, filter size {}.".format(*size)
    registry.register_hparams(name)(hparams_set)
