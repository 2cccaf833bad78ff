"""Small tools that know nothing of pruning: files, locks, processes, errors."""
