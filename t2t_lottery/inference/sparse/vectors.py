"""Vectors of floats as values of numba-compiled code.

LLVM makes of a vector of 4, 8 or 16 float32 the instructions that the CPU has (AVX-512, AVX2, NEON); a vector that is too
long for a register becomes several. numba has no such type, and LLVM does not find one by itself in a product whose
columns come by index.

A function of this module takes the number of lanes from an argument that is a vector already: `splat(like, 2.0)`.
`short` and `longest` make the first one, of zeros: of 4 lanes, and of as many as the CPU has. Addresses are a flat array and the index of an element in it, unchecked.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.registry import cpu_target
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model


def _lanes() -> int:
  """The number of float32 in the longest vector register, of those that suit LLVM, of the CPU that numba compiles for.

  That is this machine's CPU, unless `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` name another.
  """
  _, _, features = cpu_target.target_context.codegen().magic_tuple()
  available = features.split(",")
  return 16 if "+avx512f" in available else 8 if "+avx2" in available else 4


LANES = _lanes()
_FLOAT = ir.FloatType()
_INT = ir.IntType(32)


class Vector(types.Type):
  """The numba type of a vector of float32."""

  def __init__(self, lanes: int):
    super().__init__(name=f"Float32x{lanes}")
    self.lanes = lanes


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
  def __init__(self, manager: Any, vector: Vector):
    super().__init__(manager, vector, ir.VectorType(_FLOAT, vector.lanes))


def _constant(lanes: int, value: float) -> ir.Constant:
  return ir.Constant(ir.VectorType(_FLOAT, lanes), [value] * lanes)


def _integers(lanes: int, value: int) -> ir.Constant:
  return ir.Constant(ir.VectorType(_INT, lanes), [value] * lanes)


def _make_zero(lanes: int) -> Any:
  @intrinsic
  def zero(typingctx):
    return Vector(lanes)(), lambda context, builder, signature, args: _constant(lanes, 0.0)

  return zero


short, longest = map(_make_zero, (4, LANES))


@intrinsic(prefer_literal=True)
def lanes_of(typingctx, vector):
  """The number of lanes, a constant of the compiled code."""
  return types.intp(vector), lambda context, builder, signature, args: context.get_constant(types.intp, vector.lanes)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
  data = context.make_array(array_type)(context, builder, array).data
  return builder.gep(data, [index], inbounds=True)


@intrinsic
def at(typingctx, array, index):
  """array[index] of a flat array, without numba's handling of negative indices."""

  def build(context, builder, signature, args):
    pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
    return builder.load(pointer)

  return array.dtype(array, types.intp), build


@intrinsic
def splat(typingctx, like, value):
  """A vector with one value in all lanes."""

  def build(context, builder, signature, args):
    return _splat(builder, like.lanes, args[1])

  return like(like, types.float32), build


def _splat(builder: Any, lanes: int, value: Any) -> Any:
  undefined = ir.Constant(ir.VectorType(_FLOAT, lanes), ir.Undefined)
  first = builder.insert_element(undefined, value, ir.Constant(_INT, 0))
  return builder.shuffle_vector(first, undefined, _integers(lanes, 0))


@intrinsic
def load(typingctx, like, array, index):
  """The vector at array[index:]."""

  def build(context, builder, signature, args):
    pointer = _pointer(context, builder, signature.args[1], args[1], args[2])
    return builder.load(builder.bitcast(pointer, ir.VectorType(_FLOAT, like.lanes).as_pointer()), align=4)

  return like(like, array, types.intp), build


@intrinsic
def store(typingctx, vector, array, index):
  """Writes a vector to array[index:]."""

  def build(context, builder, signature, args):
    pointer = _pointer(context, builder, signature.args[1], args[1], args[2])
    builder.store(args[0], builder.bitcast(pointer, ir.VectorType(_FLOAT, vector.lanes).as_pointer()), align=4)
    return context.get_dummy_value()

  return types.void(vector, array, types.intp), build


@intrinsic
def fma(typingctx, a, b, c):
  """a * b + c."""

  def build(context, builder, signature, args):
    return _call(builder, "llvm.fma", *args)

  return a(a, a, a), build


def _operator(function: Any, name: str) -> None:
  """Defines an operator between two vectors, lane by lane."""

  @infer_global(function)
  class _Template(AbstractTemplate):
    def generic(self, args, kws):
      return signature(args[0], *args) if isinstance(args[0], Vector) and args[1:] == args[:1] else None

  @lower_builtin(function, Vector, Vector)
  def _build(context, builder, signature, args):
    return getattr(builder, name)(*args)


for _function, _name in (
  (operator.add, "fadd"),
  (operator.sub, "fsub"),
  (operator.mul, "fmul"),
  (operator.truediv, "fdiv"),
):
  _operator(_function, _name)


@intrinsic
def maximum(typingctx, a, b):
  """The greater of each lane."""

  def build(context, builder, signature, args):
    return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

  return a(a, a), build


@intrinsic
def any_greater(typingctx, a, b):
  """Whether a lane of a is greater than b's."""

  def build(context, builder, signature, args):
    greater = builder.fcmp_ordered(">", args[0], args[1])
    bits = builder.bitcast(greater, ir.IntType(a.lanes))
    return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(a.lanes), 0))

  return types.boolean(a, a), build


@intrinsic
def total(typingctx, vector):
  """The sum of the lanes, in halves."""

  def build(context, builder, signature, args):
    value, lanes = args[0], vector.lanes
    while lanes > 1:
      lanes //= 2
      half = [ir.Constant(ir.VectorType(_INT, lanes), list(range(first, first + lanes))) for first in (0, lanes)]
      undefined = ir.Constant(value.type, ir.Undefined)
      value = builder.fadd(*(builder.shuffle_vector(value, undefined, part) for part in half))
    return builder.extract_element(value, ir.Constant(_INT, 0))

  return types.float32(vector), build


def _call(builder: Any, name: str, *args: Any) -> Any:
  """Calls one of LLVM's vector functions."""
  kind = args[0].type
  function = cgutils.get_or_insert_function(
    builder.module, ir.FunctionType(kind, [arg.type for arg in args]), f"{name}.v{kind.count}f32"
  )
  return builder.call(function, args)


@intrinsic
def square_root(typingctx, vector):
  """The square root of each lane."""
  return vector(vector), lambda context, builder, signature, args: _call(builder, "llvm.sqrt", args[0])


# exp(r) for |r| <= log(2) / 2, highest power first: Taylor's series, the last terms changed so that the largest relative
# error is smallest (Cephes' expf).
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
# log(2) as a sum whose first term is exact in few bits, so that x - n * log(2) loses none.
_LOG2_HIGH, _LOG2_LOW = 0.693359375, -2.12194440e-4


@intrinsic
def exp(typingctx, vector):
  """e to the power of each lane, for values <= 0, within 2 units in the last place; 0 below -87."""

  def build(context, builder, signature, args):
    lanes = vector.lanes
    low = _constant(lanes, -87.0)
    kept = builder.fcmp_ordered(">=", args[0], low)
    x = builder.select(kept, args[0], low)
    power = _call(builder, "llvm.rint", builder.fmul(x, _constant(lanes, 1 / math.log(2))))
    r = _call(builder, "llvm.fma", power, _constant(lanes, -_LOG2_HIGH), x)
    r = _call(builder, "llvm.fma", power, _constant(lanes, -_LOG2_LOW), r)
    series = _constant(lanes, _EXP[0])
    for coefficient in _EXP[1:]:
      series = _call(builder, "llvm.fma", series, r, _constant(lanes, coefficient))
    result = _call(builder, "llvm.fma", builder.fmul(r, r), series, builder.fadd(r, _constant(lanes, 1.0)))
    # 2^power, by the bits of its exponent.
    exponent = builder.add(builder.fptosi(power, ir.VectorType(_INT, lanes)), _integers(lanes, 127))
    scale = builder.bitcast(builder.shl(exponent, _integers(lanes, 23)), ir.VectorType(_FLOAT, lanes))
    return builder.select(kept, builder.fmul(result, scale), _constant(lanes, 0.0))

  return vector(vector), build
