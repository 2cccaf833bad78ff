"""A pre-trained BERT of the size `bert_tiny` with random weights, and files of tasks of GLUE in the words of its vocabulary."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.models import bert_encoder
from t2t_lottery.runs import presets
from t2t_lottery.utils import atomic_files

SET = "bert_tiny"
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
EXAMPLES = {"train": 96, "dev": 40}
# Of a context: more than a window has room for.
_LONG = 500


def write_pretrained(folder, seed=3, scales=None):
  """Writes `bert_model.ckpt` and `vocab.txt`; returns the folder.

  Args:
    folder: must not exist.
    seed: of the weights.
    scales: name of a variable -> factor of its weights.
  """
  size = presets.BERT_SIZES[SET]
  shape = bert_encoder.Shape(
    len(PIECES), size.hidden_size, size.num_hidden_layers, size.num_heads, size.filter_size, presets.BERT_POSITIONS
  )
  with tf.Graph().as_default():
    bert_encoder.encode(shape, tf.zeros([1, 2], tf.int32), tf.zeros([1, 2], tf.int32))
    shapes = {variable.op.name: variable.shape.as_list() for variable in tf.trainable_variables()}
  random = np.random.RandomState(seed)
  values = {name: (0.1 * random.randn(*shapes[name])).astype(np.float32) for name in sorted(shapes)}
  for name, factor in (scales or {}).items():
    values[name] = values[name] * np.float32(factor)
  tf_checkpoint.write(os.path.join(folder, presets.BERT_CHECKPOINT), values)
  atomic_files.write_lines(os.path.join(folder, presets.BERT_VOCABULARY), PIECES)
  return folder


def write_squad(tmp_dir):
  """Writes SQuAD's files: which letter follows the one in the question? Most contexts are short, the last one of each is long."""
  random = np.random.RandomState(6)
  for split, count in EXAMPLES.items():
    paragraphs = []
    for number in range(count):
      letters = random.permutation([*PIECES[5:]])
      place = random.randint(len(letters) - 1)
      # A letter that the question does not name comes many times.
      filler = [letters[-1]] * (_LONG if number == count - 1 else 0)
      before = filler if number % 2 else []
      words = [*before, *letters[:-1], *([] if before else filler)]
      answer = words[len(before) + place + 1] if place + 1 < len(letters) - 1 else words[len(before) + place]
      context = " ".join(words).replace(" ", ", ", 1)
      start = context.index(answer)
      qa = {
        "id": f"{split}{number}",
        "question": f"{letters[place]}?",
        "answers": [{"text": answer, "answer_start": start}],
      }
      paragraphs.append({"context": context, "qas": [qa]})
    content = {"version": "1.1", "data": [{"title": "letters", "paragraphs": paragraphs}]}
    atomic_files.write_json(os.path.join(tmp_dir, "SQuAD", f"{split}-v1.1.json"), content)


def write_glue(tmp_dir):
  """Writes RTE, does the first text contain the second letter?, and CoLA, is the first letter before the last one?"""
  random = np.random.RandomState(5)
  for split, count in EXAMPLES.items():
    texts = [random.choice(PIECES[5:], random.randint(2, 9)) for _ in range(count)]
    asked = random.choice(PIECES[5:], count)
    pairs = [
      f"{i}\t{' '.join(text)}\t{letter}\t{'' if letter in text else 'not_'}entailment"
      for i, (text, letter) in enumerate(zip(texts, asked))
    ]
    single = [f"x\t{int(text[0] < text[-1])}\t\t{' '.join(text)}" for text in texts]
    atomic_files.write_lines(os.path.join(tmp_dir, "RTE", f"{split}.tsv"), ["index\ta\tb\tlabel", *pairs])
    atomic_files.write_lines(os.path.join(tmp_dir, "CoLA", f"{split}.tsv"), single)
