"""CPU time of a significance test compared with sacreBLEU's: `python benchmarks/significance.py`.

Both score two translations of random words, with the number of sentences of newstest2014, and test their difference with
10,000 trials.
"""

import random
import time

from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

from t2t_lottery.evaluation import metrics, significance

SENTENCES, TRIALS = 3003, 10_000


def main() -> None:
  """Measures and prints."""
  draw = random.Random(1)
  words = [f"w{i}" for i in range(500)]
  references = [draw.choices(words, k=draw.randint(5, 45)) for _ in range(SENTENCES)]
  systems = [
    (name, [" ".join(draw.choice(words) if draw.random() < errors else w for w in line) for line in references])
    for name, errors in (("ours", 0.3), ("theirs", 0.301))
  ]
  lines = [" ".join(line) for line in references]

  start = time.process_time()
  _, results = PairedTest(systems, {"BLEU": BLEU()}, [lines], "ar", n_samples=TRIALS)()
  middle = time.process_time()
  runs = [[metrics.bleu(hypotheses, lines).segments] for _, hypotheses in systems]
  found = significance.compare("bleu", *runs, shuffles=TRIALS)
  ours, theirs = time.process_time() - middle, middle - start
  print(
    f"a test of {SENTENCES} sentences, {TRIALS} trials: ours / sacreBLEU's: {ours / theirs:.2f} ({ours:.2f} s / "
    f"{theirs:.2f} s), p {found.p:.3f} / {results['BLEU'][1].p_value:.3f}"
  )


if __name__ == "__main__":
  main()
