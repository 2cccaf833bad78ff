"""`--hparams`: unknown names and values of another type are found without t2t."""

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from t2t_lottery.runs import given_hparams
from t2t_lottery.utils.errors import UserError


class GivenHparamsTest(parameterized.TestCase, tf.test.TestCase):
  def test_names_and_types_are_those_of_this_projects_sets(self):
    hparams = registry.hparams("transformer_slt_tiny")
    kinds = {name: kind.__name__ for name, (kind, _) in hparams._hparam_types.items() if kind is not dict}
    self.assertCountEqual(given_hparams._INTEGERS, [name for name, kind in kinds.items() if kind == "int"])
    self.assertCountEqual(given_hparams._REALS, [name for name, kind in kinds.items() if kind == "float"])
    self.assertCountEqual(given_hparams._OTHERS, [name for name, kind in kinds.items() if kind not in ("int", "float")])

  @parameterized.parameters(
    ("hiden_size=8", "^unknown hparam hiden_size: did you mean hidden_size\\?$"),
    ("batch_size=512,zzz=1", "^unknown hparam zzz$"),
    ("batch_size=many", "^--hparams=batch_size=many: batch_size is an integer$"),
    ("hidden_size=8.5", "hidden_size is an integer$"),
    ("attention_dropout=none", "attention_dropout is a number$"),
  )
  def test_what_t2t_trainer_would_not_parse_is_an_error(self, text, message):
    with self.assertRaises(ValueError):
      registry.hparams("transformer_slt_tiny").parse(text)
    with self.assertRaisesRegex(UserError, message):
      given_hparams.check(given_hparams.parse(text))

  def test_what_t2t_trainer_parses_is_accepted(self):
    text = "hidden_size=8,dropout=1e-1,learning_rate_schedule=constant*rsqrt_decay,optimizer=Adam,shared_embedding=True"
    registry.hparams("transformer_slt_tiny").parse(text)
    given_hparams.check(given_hparams.parse(text))


if __name__ == "__main__":
  tf.test.main()
