"""The graph of runs, and what it costs in steps, time, disk and memory."""
