"""`--hparams`: unknown names and values of another type are found without t2t."""

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from t2t_lottery.runs import given_hparams, presets
from t2t_lottery.training import hparams_check
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
      given_hparams.check(given_hparams.parse(text), presets.SIZES["tiny"])

  @parameterized.parameters(
    ("hidden_size=384,num_heads=5", "num_heads=5 does not divide hidden_size=384$"),
    ("attention_key_channels=6", "num_heads=4 does not divide attention_key_channels=6$"),
    ("num_hidden_layers=0", "num_hidden_layers=0.* must be at least 1$"),
  )
  def test_a_shape_that_no_model_has_is_an_error_before_there_is_an_environment(self, text, message):
    hparams = registry.hparams("transformer_slt_tiny")
    hparams.parse(text)
    with self.assertRaisesRegex(UserError, message):
      hparams_check.check_model(hparams)
    with self.assertRaisesRegex(UserError, message):
      given_hparams.check(given_hparams.parse(text), presets.SIZES["tiny"])

  def test_what_t2t_trainer_parses_is_accepted(self):
    text = "hidden_size=8,dropout=1e-1,learning_rate_schedule=constant*rsqrt_decay,optimizer=Adam,shared_embedding=True"
    registry.hparams("transformer_slt_tiny").parse(text)
    given_hparams.check(given_hparams.parse(text), presets.SIZES["tiny"])


if __name__ == "__main__":
  tf.test.main()
