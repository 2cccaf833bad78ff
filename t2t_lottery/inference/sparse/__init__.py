"""Translation on a CPU with sparse matrix products, without TensorFlow."""
