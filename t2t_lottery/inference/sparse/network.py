"""A model as sparse matrices, and a batch's way through it: encoder, beam search, scores of given translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.data.subword_vocabulary import EOS, MAX_LENGTH
from t2t_lottery.inference import transformer_weights
from t2t_lottery.inference.sparse import beam_search, layers, products, vectors, vocabulary


class Model(NamedTuple):
  """A model ready to run; shared by threads.

  Attributes:
    words: the shared embedding.
    encoder, decoder: the stacks.
    signal: float32 [positions, hidden], the position encodings.
    target_space: float32 [hidden], added to each source position.
    padding: bool [subwords], those that are padding in a source.
    removes_padding: as in `transformer_weights.Transformer`.
  """

  words: vocabulary.Vocabulary
  encoder: layers.Stack
  decoder: layers.Stack
  signal: np.ndarray
  target_space: np.ndarray
  padding: np.ndarray
  removes_padding: bool

  @property
  def scale(self) -> np.float32:
    """What t2t multiplies queries by."""
    return np.float32((self.signal.shape[1] // self.decoder.heads) ** -0.5)


class _Source(NamedTuple):
  """A batch's source as the decoder sees it.

  Attributes:
    rows: float32 [layers, 2, positions, channels], keys and values.
    first, counts: int64 [sentences], each sentence's rows.
    scale: float32 [sentences], as in `layers.Keys`.
  """

  rows: np.ndarray
  first: np.ndarray
  counts: np.ndarray
  scale: np.ndarray

  def keys(self, sentences: np.ndarray) -> layers.Keys:
    """The rows for columns of which each belongs to a sentence."""
    return layers.Keys(
      np.arange(self.rows.shape[2], dtype=np.int32),
      self.first[sentences],
      self.counts[sentences],
      self.scale[sentences],
    )


def pack(model: transformer_weights.Transformer) -> Model:
  """Prepares a model."""
  padding = np.zeros(len(model.embedding), bool)
  padding[model.padding] = True
  return Model(
    vocabulary.vocabulary(model.embedding),
    _stack(model, model.encoder, model.decoder),
    _stack(model, model.decoder),
    transformer_weights.timing_signal(MAX_LENGTH, model.embedding.shape[1]),
    np.ascontiguousarray(model.target_space),
    padding,
    model.removes_padding,
  )


def _stack(
  model: transformer_weights.Transformer,
  stack: transformer_weights.Stack,
  following: transformer_weights.Stack | None = None,
) -> layers.Stack:
  """The encoder, with the decoder that follows; or the decoder."""
  weights: list[np.ndarray] = []
  biases: list[np.ndarray | None] = []
  norms: list[transformer_weights.LayerNorm] = []
  for layer in stack.layers:
    q, k, v, output = _attention_matrices(layer.self_attention, model.heads)
    norms.append(layer.self_attention.norm)
    weights += [np.concatenate([q, k, v]), output]
    if layer.source_attention is not None:
      q, _, _, output = _attention_matrices(layer.source_attention, model.heads)
      norms.append(layer.source_attention.norm)
      weights += [q, output]
    biases += [None] * (len(weights) - len(biases))
    norms.append(layer.feed_forward.norm)
    weights += [layer.feed_forward.inner.T, layer.feed_forward.outer.T]
    biases += [layer.feed_forward.inner_bias, layer.feed_forward.outer_bias]
  for layer in following.layers if following else []:
    if layer.source_attention is not None:
      _, k, v, _ = _attention_matrices(layer.source_attention, model.heads)
      weights.append(np.concatenate([k, v]))
      biases.append(None)
  return layers.Stack(
    products.pack(weights, biases),
    np.concatenate([part for norm in (*norms, stack.norm) for part in norm]),
    len(stack.layers),
    model.heads,
    np.float32(model.epsilon),
    following is None,
  )


def _attention_matrices(attention: transformer_weights.Attention, heads: int) -> list[np.ndarray]:
  """q, k and v [channels, hidden], and the output [hidden, channels]; zeros make a head's channels a multiple of `LANES`."""
  hidden = len(attention.q)
  padding = ((0, 0), (0, -(hidden // heads) % vectors.LANES), (0, 0))
  kernels = (attention.q.T, attention.k.T, attention.v.T, attention.output)
  q, k, v, output = (np.pad(kernel.reshape(heads, -1, hidden), padding).reshape(-1, hidden) for kernel in kernels)
  return [q, k, v, output.T]


def search(
  model: Model, sources: Sequence[Sequence[int]], longest: Sequence[int], beam: int = 4, alpha: float = 0.6
) -> list[tuple[list[int], float]]:
  """Translates a batch by t2t's beam search, or greedily with a beam of 1.

  Args:
    model: `Model`.
    sources: subword ids of each sentence, with `EOS`.
    longest: maximum length of each translation, with `EOS`.
    beam: size of the beam.
    alpha: exponent of the length penalty.

  Returns:
    As `beam_search.results`.
  """
  translations: dict[int, tuple[list[int], float]] = {}
  for chosen, seen in _divided(model, sources):
    source = _encode(model, [sources[i] for i in chosen], seen)
    found = _search(model, source, np.array([longest[i] for i in chosen], np.int32), beam, alpha)
    translations.update(zip(chosen, found))
  return [translations[i] for i in range(len(sources))]


def log_probs(model: Model, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[np.ndarray]:
  """The log probability of each subword of given translations: float32 [length] each.

  Args:
    model: `Model`.
    sources, targets: subword ids of each sentence, with `EOS`.
  """
  found: dict[int, np.ndarray] = {}
  for chosen, seen in _divided(model, sources):
    source = _encode(model, [sources[i] for i in chosen], seen)
    found.update(zip(chosen, _log_probs(model, source, [targets[i] for i in chosen])))
  return [found[i] for i in range(len(sources))]


def _divided(model: Model, sources: Sequence[Sequence[int]]) -> list[tuple[list[int], bool]]:
  """The indices of the sources that have a subword that is not padding, and of those that have none; empty lists left out."""
  seen = [not model.padding[list(source)].all() for source in sources]
  parts = [([i for i, sees in enumerate(seen) if sees == part], part) for part in (True, False)]
  return [(chosen, part) for chosen, part in parts if chosen]


def _encode(model: Model, sources: list[Sequence[int]], seen: bool) -> _Source:
  """Runs the encoder. Attention ignores padding, so its columns are left out, unless there is nothing else in a source."""
  kept = [~model.padding[list(source)] if seen else np.ones(len(source), bool) for source in sources]
  subwords = np.concatenate([np.array(source, np.int32)[keep] for source, keep in zip(sources, kept)])
  positions = np.concatenate([np.flatnonzero(keep).astype(np.int32) for keep in kept])
  counts = np.array([keep.sum() for keep in kept])
  first = np.cumsum(counts) - counts
  columns = len(subwords)
  scale = np.full(len(sources), model.scale if seen else 0, np.float32)
  source = _Source(_rows(model, columns), first, counts, scale)
  keys = source.keys(np.repeat(np.arange(len(sources)), counts))
  panels = products.panels(columns)
  x = _embedded(model, subwords, positions, model.target_space, panels)
  own = layers.aligned(1, *source.rows.shape[1:])
  space = layers.workspace(model.encoder, panels, columns, [keys])
  feeds = seen or not model.removes_padding
  layers.run(model.encoder, x, panels, columns, own, 0, keys, source.rows, keys, feeds, space)
  return source


def _embedded(
  model: Model, subwords: np.ndarray, positions: np.ndarray, shift: np.ndarray, panels: products.Panels
) -> np.ndarray:
  """Embedded columns; see `vocabulary.embed`."""
  x = layers.aligned(panels.widths.sum(), model.signal.shape[1]).ravel()
  vocabulary.embed(model.words, subwords, positions, model.signal, shift, x, panels)
  return x


def _rows(model: Model, count: int) -> np.ndarray:
  """Zeros for keys and values of the decoder, float32 [layers, 2, count, channels]."""
  return layers.aligned(model.decoder.layers, 2, count, products.inputs.py_func(model.decoder.matrices, 1))


def _search(
  model: Model, source: _Source, longest: np.ndarray, beam: int, alpha: float
) -> list[tuple[list[int], float]]:
  """Runs the decoder until all sentences of a batch are done."""
  state = beam_search.beams(longest, beam)
  active = np.arange(len(longest), dtype=np.int32)
  following = np.full(len(active) * beam, -1, np.int32)
  past = _Past(model, len(following))
  while active.size:
    columns, step = len(following), past.steps
    attended = past.append(columns)
    at = np.full(columns, step, np.int32)
    sources = source.keys(np.repeat(active, beam))
    x, panels = _decoded(model, following, at, past.rows, past.used - columns, attended, source.rows, sources)
    logits, ids, normalizers = _best(model.words, x, panels, columns, 2 * beam if beam > 1 else 1)
    parents, following = np.zeros(columns, np.int32), np.zeros(columns, np.int32)
    if beam > 1:
      left = beam_search.advance(state, active, step, alpha, logits, ids, normalizers, parents, following)
    else:
      left = beam_search.advance_greedily(state, active, step, logits, ids, normalizers, parents, following)
    active, parents, following = active[:left], parents[: left * beam], following[: left * beam]
    past.keep(parents)
  return beam_search.results(state)


class _Past:
  """Keys and values of all positions so far: a row for each column of each step. Beams share rows, and are never copied.

  Attributes:
    rows: float32 [layers, 2, rows, channels].
    used: the number of rows in use.
    steps: the number of steps so far, before `append`.
  """

  def __init__(self, model: Model, columns: int):
    self._model = model
    self.rows = _rows(model, columns * 16)
    self.used = 0
    self.steps = 0
    self._attended = np.zeros((columns, 0), np.int32)

  def append(self, columns: int) -> layers.Keys:
    """Makes room for a step, and returns the rows that its columns attend to: those before, and their own."""
    if self.used + columns > self.rows.shape[2]:
      before = self.rows
      self.rows = _rows(self._model, 2 * before.shape[2])
      self.rows[:, :, : before.shape[2]] = before
    own = np.arange(self.used, self.used + columns, dtype=np.int32)
    self._attended = np.concatenate([self._attended, own[:, None]], axis=1)
    self.used += columns
    self.steps += 1
    counts = np.full(columns, self.steps)
    scale = np.full(columns, self._model.scale)
    return layers.Keys(self._attended.ravel(), np.arange(columns) * self.steps, counts, scale)

  def keep(self, parents: np.ndarray) -> None:
    """Makes the columns those that continue the given ones."""
    self._attended = self._attended[parents]


def _log_probs(model: Model, source: _Source, targets: list[Sequence[int]]) -> list[np.ndarray]:
  """Runs the decoder on given translations, all positions at once."""
  lengths = np.array(list(map(len, targets)))
  ends = np.cumsum(lengths)
  expected = np.concatenate([np.array(target, np.int32) for target in targets])
  given = np.concatenate([np.array([-1, *target[:-1]], np.int32) for target in targets])
  columns = len(given)
  sentence = np.repeat(np.arange(len(targets)), lengths)
  first = np.repeat(ends - lengths, lengths)
  positions = np.arange(columns) - first
  attended = layers.Keys(np.arange(columns, dtype=np.int32), first, positions + 1, np.full(columns, model.scale))
  rows = _rows(model, columns)
  x, panels = _decoded(model, given, positions.astype(np.int32), rows, 0, attended, source.rows, source.keys(sentence))
  _, _, normalizers = _best(model.words, x, panels, columns, 1)
  found = np.empty(columns, np.float32)
  vocabulary.logits_of(model.words, expected, x, panels, model.signal.shape[1], found)
  return np.split(found - normalizers, ends[:-1])


def _decoded(
  model: Model,
  subwords: np.ndarray,
  positions: np.ndarray,
  past: np.ndarray,
  first_row: int,
  attended: layers.Keys,
  source: np.ndarray,
  attended_source: layers.Keys,
) -> tuple[np.ndarray, products.Panels]:
  """The decoder's output for columns of subwords, and its panels; see `layers.run`."""
  columns = len(subwords)
  panels = products.panels(columns)
  x = _embedded(model, subwords, positions, np.zeros(model.signal.shape[1], np.float32), panels)
  space = layers.workspace(model.decoder, panels, columns, [attended, attended_source])
  layers.run(model.decoder, x, panels, columns, past, first_row, attended, source, attended_source, True, space)
  return x, panels


def _best(
  words: vocabulary.Vocabulary, x: np.ndarray, panels: products.Panels, columns: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Logits, ids and normalizers of the most probable subwords; see `vocabulary.best`."""
  logits, ids = np.empty((columns, count), np.float32), np.empty((columns, count), np.int32)
  normalizers = np.empty(columns, np.float32)
  vocabulary.best(words, x, panels, columns, count, logits, ids, normalizers, vocabulary.workspace(panels))
  return logits, ids, normalizers


def compile_layers(model: Model) -> None:
  """Has numba compile the way of columns through encoder and decoder."""
  _encode(model, [[EOS]], seen=True)


def compile_search() -> None:
  """Has numba compile a step of beam search."""
  beam, hidden = 4, 2 * vectors.LANES
  panels = products.panels(beam)
  x = layers.aligned(panels.widths.sum() * hidden)
  following = np.zeros(beam, np.int32)
  found = _best(vocabulary.vocabulary(np.eye(2 * beam, hidden, dtype=np.float32)), x, panels, beam, 2 * beam)
  state = beam_search.beams(np.ones(1, np.int32), beam)
  beam_search.advance(state, np.zeros(1, np.int32), 0, 0.6, *found, following, following.copy())
