"""Slurm's queue, and the job that it runs."""
