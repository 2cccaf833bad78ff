"""The levels that a driver trains."""

import tensorflow.compat.v1 as tf

from t2t_lottery.reproduce.planning import driver_flags


class LevelsOfSharesTest(tf.test.TestCase):
  def test_the_last_level_comes_once_if_shares_reach_it(self):
    """100 - 72.9 is 27.099999999999994 in floating point, whose name is 27.1 too."""
    for share, last, expected in (
      (10.0, "27.1", ["10", "19", "27.1"]),
      (1.0, "1.99", ["1", "1.99"]),
      (20.0, "48.8", ["20", "36", "48.8"]),
      (20.0, "50", ["20", "36", "48.8", "50"]),
    ):
      self.assertEqual(list(driver_flags.levels_of_shares(share, last)), expected)


if __name__ == "__main__":
  tf.test.main()
