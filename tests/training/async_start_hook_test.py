"""The start of a run by several masters with a parameter server."""

from unittest import mock

import tensorflow.compat.v1 as tf

from t2t_lottery.training import async_start_hook
from tests.support import devices


class AsyncStartHookTest(tf.test.TestCase):
  def test_others_wait_until_the_first_master_has_started_the_run(self):
    (address,) = devices.free_addresses(1)
    server = tf.train.Server({"ps": [address]}, "ps", 0)
    config = tf.ConfigProto(isolate_session_state=False)
    hooks, sessions = [], []
    for is_first in (True, False):
      with tf.Graph().as_default() as graph:
        hooks.append(async_start_hook.AsyncStartHook(is_first))
        hooks[-1].begin()
        self.assertEqual(tf.global_variables() + tf.local_variables(), [], "a checkpoint would contain it")
        sessions.append(tf.Session(server.target, graph, config))
    events = []

    def wait(seconds):
      del seconds
      events.append("the other waits")
      hooks[0].after_create_session(sessions[0], None)
      events.append("the first has started")

    with mock.patch.object(async_start_hook.time, "sleep", wait):
      hooks[1].after_create_session(sessions[1], None)
    self.assertEqual(events, ["the other waits", "the first has started"])
    # A master that is started later, or again, does not wait.
    with mock.patch.object(async_start_hook.time, "sleep", self.fail):
      for hook, session in zip(hooks, sessions):
        hook.after_create_session(session, None)


if __name__ == "__main__":
  tf.test.main()
