"""What TensorFlow 2.16 removed and `tensorflow_estimator`, on which t2t is built, needs; `tf_support` applies it."""
