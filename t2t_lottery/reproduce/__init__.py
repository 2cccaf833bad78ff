"""All runs of a table by one command: `python -m t2t_lottery.reproduce`."""
