"""Models registered with t2t."""
