"""File formats of weights: TensorFlow's checkpoints, and the project's own sparse file."""
