"""The model `lottery_transformer`: t2t's `transformer` that can start from a ticket and keeps its mask."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from tensor2tensor.models import transformer
from tensor2tensor.utils import registry

from t2t_lottery import errors, hooks, masked_optimizer, run_check


@registry.register_model
class LotteryTransformer(transformer.Transformer):
  """t2t's `transformer` with masks (README, "Design").

  With the hparams `mask_checkpoint`, `rewind_checkpoint` and `sparsity`, a new run starts from the ticket they give;
  without them this is the stock model, op for op.
  """

  @staticmethod
  def train_hooks(hook_context):
    """See `T2TModel.train_hooks`; also the place where bad hparams end a run, before its graph is built."""
    hparams = hook_context.hparams
    with errors.one_line():
      run_check.check(hparams)
    train_hooks = [hooks.KeepHook(hparams.model_dir, {0, hparams.rewind_step})]
    if run_check.is_pruned(hparams):
      train_hooks.append(
        hooks.TicketHook(hparams.model_dir, hparams.mask_checkpoint, hparams.rewind_checkpoint, hparams.sparsity)
      )
    return train_hooks

  def optimize(self, loss, num_async_replicas=1, use_tpu=False, variables=None):
    """See `T2TModel.optimize`; gradients are masked before the optimizer."""
    if run_check.is_pruned(self.hparams):
      masked_optimizer.create_masks(tf.trainable_variables() if variables is None else variables)
      masked_optimizer.wrap(self.hparams)
    return super().optimize(loss, num_async_replicas=num_async_replicas, use_tpu=use_tpu, variables=variables)


# t2t names a model's variable scope after its registration; stock t2t must be able to read the checkpoints.
LotteryTransformer.REGISTERED_NAME = transformer.Transformer.REGISTERED_NAME
