"""Modules that are executed in part at import know the same characters as in stock t2t."""

import subprocess
import sys

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


class LazyImportsTest(tf.test.TestCase):
  def test_characters_are_classified_as_in_stock_t2t(self):
    done = subprocess.run([sys.executable, "-c", CODE], cwd=trained.ROOT, env=trained.environment(), **trained.CAPTURED)
    self.assertEqual(trained.check(done), "equal\n")


if __name__ == "__main__":
  tf.test.main()
