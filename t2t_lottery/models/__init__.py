"""The models that are registered with t2t."""
