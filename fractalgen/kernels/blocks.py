"""Instructions that mix a block of bytes as vectors.

LLVM vectorises most loops well. Here it would use 32 bits where 16 are enough, and check before
each short block whether the arrays overlap, which costs as much as the block.
"""

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

__all__ = ["CAN_WRITE_BLOCKS", "LANES", "mix_down", "mix_square"]

# Kernels need a plain loop where they run as Python.
CAN_WRITE_BLOCKS: bool = not config.DISABLE_JIT
LANES = 32  # bytes of a block
_BYTE, _WORD, _INT = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_BYTES, _WORDS, _INTS = (ir.VectorType(kind, LANES) for kind in (_BYTE, _WORD, _INT))
_PIXEL = 3
_VALUE_BITS = 7


class _Block:
    """Writes the instructions of one block."""

    def __init__(self, context: Any, builder: Any) -> None:
        self._context = context
        self._builder = builder

    def _place(self, array_type: Any, array: Any, at: Any, kind: Any) -> Any:
        data = self._context.make_array(array_type)(self._context, self._builder, array).data
        return self._builder.bitcast(self._builder.gep(data, [at]), kind.as_pointer())

    def values(self, array_type: Any, array: Any, at: Any, ahead: int = 0) -> Any:
        """Load bytes from any address, as 16-bit numbers with seven fractional bits."""
        build = self._builder
        place = self._place(array_type, array, build.add(at, ir.Constant(at.type, ahead)), _BYTES)
        bytes_ = build.load(place, align=1)
        return build.shl(build.zext(bytes_, _WORDS), ir.Constant(_WORDS, [_VALUE_BITS] * LANES))

    def weights(self, array_type: Any, array: Any, at: Any, fraction: Any) -> Any:
        """Load a block's weights and add `fraction` to each, modulo 65536."""
        build = self._builder
        undefined = ir.Constant(_WORDS, ir.Undefined)
        one = build.insert_element(undefined, fraction, ir.Constant(_INT, 0))
        all_ = build.shuffle_vector(one, undefined, ir.Constant(_INTS, [0] * LANES))
        return build.add(build.load(self._place(array_type, array, at, _WORDS), align=2), all_)

    def between(self, value: Any, ahead: Any, weight: Any) -> Any:
        """Interpolate from `value` to `ahead` by 1/2 + `weight` / 65536; see `affine_warp`."""
        build = self._builder
        one = ir.Constant(_WORDS, [1] * LANES)
        mean = build.lshr(build.add(build.add(value, ahead), one), one)
        way = build.sext(build.sub(ahead, value), _INTS)
        product = build.mul(way, build.sext(weight, _INTS))
        rest = build.trunc(build.lshr(product, ir.Constant(_INTS, [16] * LANES)), _WORDS)
        return build.add(mean, rest)

    def store(self, values: Any, array_type: Any, array: Any, at: Any) -> None:
        """Drop the fractional bits, and store bytes at any address."""
        build = self._builder
        whole = build.lshr(values, ir.Constant(_WORDS, [_VALUE_BITS] * LANES))
        build.store(build.trunc(whole, _BYTES), self._place(array_type, array, at, _BYTES), align=1)


def _mix_down(
    _typing: Any,
    source: Any,
    above: Any,
    below: Any,
    weights: Any,
    start: Any,
    fraction: Any,
    target: Any,
    at: Any,
) -> Any:
    """Mix bytes at `above` with those at `below`, and store them at `at`.

    The weights, int16, start at `start`; `fraction` is added to them. All places are uint64.
    """
    signature = types.void(source, above, below, weights, start, fraction, target, at)

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        source, above, below, weights, start, fraction, target, at = values
        block = _Block(context, builder)
        weight = block.weights(kinds[3], weights, start, fraction)
        upper = block.values(kinds[0], source, above)
        lower = block.values(kinds[0], source, below)
        block.store(block.between(upper, lower, weight), kinds[6], target, at)
        return context.get_dummy_value()

    return signature, write


def _mix_square(
    _typing: Any,
    source: Any,
    above: Any,
    below: Any,
    across: Any,
    down: Any,
    start: Any,
    fraction_x: Any,
    fraction_y: Any,
    target: Any,
    at: Any,
) -> Any:
    """Mix bytes at `above` and `below` and those of the next pixels, and store them at `at`.

    The weights across and down, int16, start at `start`; the fractions are added to them.
    """
    signature = types.void(
        source, above, below, across, down, start, fraction_x, fraction_y, target, at
    )

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        source, above, below, across, down, start, fraction_x, fraction_y, target, at = values
        block = _Block(context, builder)
        weight_x = block.weights(kinds[3], across, start, fraction_x)
        weight_y = block.weights(kinds[4], down, start, fraction_y)
        columns = []
        for ahead in (0, _PIXEL):
            upper = block.values(kinds[0], source, above, ahead)
            lower = block.values(kinds[0], source, below, ahead)
            columns.append(block.between(upper, lower, weight_y))
        block.store(block.between(columns[0], columns[1], weight_x), kinds[8], target, at)
        return context.get_dummy_value()

    return signature, write


# As kernels call them, without the first argument.
mix_down: Any = intrinsic(_mix_down)
mix_square: Any = intrinsic(_mix_square)
