"""Tables, plots and a page of the runs of one problem and size: `python -m t2t_lottery.report`."""
