"""What is imported late or in part is there as in stock t2t when it is asked for."""

import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

from tests.support import trained

# Prints whether t2t's character classes are those of all code points.
CODE = """
import sys, unicodedata
from t2t_lottery.compat import lazy_imports
lazy_imports.install()
from tensor2tensor.data_generators import tokenizer
from tensor2tensor.utils import bleu_hook
assert sys.maxunicode == 0x10FFFF
characters = {}
for code in range(sys.maxunicode):
  characters.setdefault(unicodedata.category(chr(code))[0], []).append(chr(code))
assert tokenizer._ALPHANUMERIC_CHAR_SET == {*characters["L"], *characters["N"]}
assert bleu_hook.uregex.symbol_re.pattern == "([" + "".join(characters["S"]) + "])"
assert bleu_hook.uregex.punct_nondigit_re.pattern == "([" + "".join(characters["P"]) + r"])([^\\d])"
print("equal")
"""

# Prints what t2t_datagen would generate for each pattern of names, and whether it has imported all of t2t for it.
LISTS = """
import sys
from absl import flags
from t2t_lottery.compat import __main__ as command
datagen = command._load(["t2t_datagen"])
import hparams, problems
hparams.register_on_top("transformer_base+slt")
hparams.register_on_top("transformer_base+slt")
datagen.registry.display_list_by_prefix = lambda names, **_: print(*names, end=": ") or ""
for name in ("translate_ende_grammar", "translate_ende_wmt32k*", "algorithmic_cipher_shift5,reg_problem"):
  flags.FLAGS(["t2t_datagen", "--only_list", "--data_dir=" + sys.argv[1], "--problem=" + name])
  datagen.main(None)
  print("tensor2tensor.models.resnet" in sys.modules)
"""


@pytest.mark.slow
class LazyImportsTest(tf.test.TestCase):
  def test_a_named_problem_and_a_set_with_a_method_need_no_others(self):
    command = [sys.executable, "-c", LISTS, self.create_tempdir().full_path]
    done = subprocess.run(command, cwd=trained.ROOT, env=trained.environment(), **trained.CAPTURED)
    one, prefix, several = trained.check(done).splitlines()
    self.assertEqual(one, "translate_ende_grammar: False")
    self.assertEqual(prefix, "translate_ende_wmt32k translate_ende_wmt32k_packed: True")
    self.assertEqual(several, "algorithmic_cipher_shift5: True")

  def test_characters_are_classified_as_in_stock_t2t(self):
    done = subprocess.run([sys.executable, "-c", CODE], cwd=trained.ROOT, env=trained.environment(), **trained.CAPTURED)
    self.assertEqual(trained.check(done), "equal\n")


if __name__ == "__main__":
  tf.test.main()
