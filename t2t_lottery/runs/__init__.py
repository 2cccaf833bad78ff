"""One run: its folder, its configuration, its training, its results."""
