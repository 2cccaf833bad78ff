"""Code that runs inside t2t-trainer: hooks, the masked optimizer, checks of hparams."""
