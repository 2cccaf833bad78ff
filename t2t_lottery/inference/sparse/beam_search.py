"""t2t's beam search, for a batch of sentences that end one by one.

Source: tensor2tensor/utils/beam_search.py. A step takes the 2 * beam best continuations of a sentence's beams; those that end
compete with the ended ones of before, the others become the new beams. A sentence is done when its best ended translation
cannot be surpassed, or at its longest length. All in float32, in t2t's order of operations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from t2t_lottery.data.subword_vocabulary import EOS
from t2t_lottery.inference.sparse.compilation import compiled, entry

# The log probability of a beam that is not there, as in t2t.
_NONE = np.float32(-1e7)


class Beams(NamedTuple):
  """The search of a batch.

  Attributes:
    log_probs: float32 [sentences, beam], of the beams, highest first.
    subwords: int32 [sentences, beam, longest], theirs.
    ended_scores: float32 [sentences, beam], of the best ended translations, highest first.
    ended_lengths: int32 [sentences, beam], with the end; 0 if there is none.
    ended_subwords: int32 [sentences, beam, longest].
    longest: int32 [sentences], a translation's maximum length, with the end.
  """

  log_probs: np.ndarray
  subwords: np.ndarray
  ended_scores: np.ndarray
  ended_lengths: np.ndarray
  ended_subwords: np.ndarray
  longest: np.ndarray


def beams(longest: np.ndarray, beam: int) -> Beams:
  """The search's start."""
  shape = (len(longest), beam)
  log_probs = np.full(shape, _NONE, np.float32)
  log_probs[:, 0] = 0
  subwords = np.zeros((*shape, longest.max()), np.int32)
  return Beams(
    log_probs, subwords, np.full(shape, _NONE, np.float32), np.zeros(shape, np.int32), subwords.copy(), longest
  )


@entry
def advance(beams, active, step, alpha, logits, ids, normalizers, parents, following):
  """A step of the search.

  Args:
    beams: `Beams`.
    active: int32 [sentences], those not done, in the order of the columns; beam b of the i-th is column i * beam + b. Those
      that this step leaves are moved to the front.
    step: the number of subwords before this step.
    alpha: exponent of the length penalty.
    logits, ids, normalizers: as in `vocabulary.best`, with 2 * beam subwords.
    parents, following: int32 [columns], the result: for each new column, the old one that it continues, and its subword.

  Returns:
    How many sentences are not done.
  """
  beam = beams.log_probs.shape[1]
  penalty = _penalty(step + 1, alpha)
  scores, froms, subwords = np.empty(2 * beam, np.float32), np.empty(2 * beam, np.int32), np.empty(2 * beam, np.int32)
  before = np.empty((beam, step), np.int32)
  remaining = 0
  for place in range(active.size):
    sentence = active[place]
    _candidates(beams.log_probs[sentence], penalty, place * beam, logits, ids, normalizers, scores, froms, subwords)
    for b in range(beam):
      _copy(beams.subwords[sentence, b], before[b], step)
    alive = 0
    for i in range(2 * beam):
      if subwords[i] == EOS:
        _end(beams, sentence, scores[i], before[froms[i]], step)
      elif alive < beam and subwords[i] >= 0:
        beams.log_probs[sentence, alive] = scores[i] * penalty
        _copy(before[froms[i]], beams.subwords[sentence, alive], step)
        beams.subwords[sentence, alive, step] = subwords[i]
        parents[remaining * beam + alive] = place * beam + froms[i]
        following[remaining * beam + alive] = subwords[i]
        alive += 1
    bound = beams.log_probs[sentence, 0] / _penalty(beams.longest[sentence], alpha)
    if step + 1 < beams.longest[sentence] and not beams.ended_scores[sentence, 0] > bound:
      active[remaining] = sentence
      remaining += 1
  return remaining


@compiled
def _copy(source, target, count):
  """target[:count] = source[:count]; numba would take seconds to compile that."""
  for i in range(count):
    target[i] = source[i]


@compiled
def _penalty(length, alpha):
  return np.float32(np.float32((np.float32(5) + np.float32(length)) / np.float32(6)) ** np.float32(alpha))


@compiled
def _candidates(log_probs, penalty, first, logits, ids, normalizers, scores, froms, subwords):
  """The 2 * beam best continuations of a sentence; of equal ones, first those of the lower beam, then by id."""
  found = 0
  for i in range(scores.size):
    scores[i], subwords[i] = -np.inf, -1
  for beam in range(log_probs.size):
    column = first + beam
    for i in range(scores.size):
      if ids[column, i] < 0:
        break
      score = ((logits[column, i] - normalizers[column]) + log_probs[beam]) / penalty
      place = found
      while place and (
        score > scores[place - 1]
        or (score == scores[place - 1] and froms[place - 1] == beam and ids[column, i] < subwords[place - 1])
      ):
        place -= 1
      if place < scores.size:
        for j in range(min(found, scores.size - 1), place, -1):
          scores[j], froms[j], subwords[j] = scores[j - 1], froms[j - 1], subwords[j - 1]
        scores[place], froms[place], subwords[place] = score, beam, ids[column, i]
        found = min(found + 1, scores.size)


@compiled
def _end(beams, sentence, score, subwords, step):
  """Adds an ended translation to a sentence's best, if it is one."""
  scores, lengths = beams.ended_scores[sentence], beams.ended_lengths[sentence]
  place = scores.size
  while place and (lengths[place - 1] == 0 or score > scores[place - 1]):
    place -= 1
  if place == scores.size:
    return
  for i in range(scores.size - 1, place, -1):
    scores[i], lengths[i] = scores[i - 1], lengths[i - 1]
    _copy(beams.ended_subwords[sentence, i - 1], beams.ended_subwords[sentence, i], lengths[i])
  scores[place], lengths[place] = score, step + 1
  _copy(subwords, beams.ended_subwords[sentence, place], step)
  beams.ended_subwords[sentence, place, step] = EOS


@entry
def advance_greedily(beams, active, step, logits, ids, normalizers, parents, following):
  """A step of greedy search: the most probable subword (`T2TModel._greedy_infer`). As `advance`, with beams of 1.

  `ended_scores` keeps the log probability; there is no length penalty.
  """
  remaining = 0
  for place in range(active.size):
    sentence = active[place]
    beams.log_probs[sentence, 0] += logits[place, 0] - normalizers[place]
    beams.subwords[sentence, 0, step] = ids[place, 0]
    if ids[place, 0] == EOS:
      beams.ended_scores[sentence, 0] = beams.log_probs[sentence, 0]
      beams.ended_lengths[sentence, 0] = step + 1
      _copy(beams.subwords[sentence, 0], beams.ended_subwords[sentence, 0], step + 1)
    elif step + 1 < beams.longest[sentence]:
      active[remaining], parents[remaining], following[remaining] = sentence, place, ids[place, 0]
      remaining += 1
  return remaining


def results(beams: Beams) -> list[tuple[list[int], float]]:
  """Of each sentence of a finished search, the best translation's subwords and its score.

  The score is the log probability by the length penalty; without it for a translation that has not ended.
  """
  found = []
  for sentence, longest in enumerate(beams.longest):
    if length := beams.ended_lengths[sentence, 0]:
      found.append((beams.ended_subwords[sentence, 0, :length].tolist(), float(beams.ended_scores[sentence, 0])))
    else:
      found.append((beams.subwords[sentence, 0, :longest].tolist(), float(beams.log_probs[sentence, 0])))
  return found
