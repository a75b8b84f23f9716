"""A plain LSTM, which a file holds as one op: UNIDIRECTIONAL_SEQUENCE_LSTM.

In: the layer, a `Quantizer`, a sequence. Out: what the layer returns. The op has int8 weights with a scale for each of
its eight matrices, and rounds its result to int8 in every step, before the next one reads it. Sources: the converter's
pass for the LSTM of tf_keras, which is called here with the weights of any LSTM;
`tensorflow/lite/kernels/lstm_eval.cc`, 8x8_16.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.lstm_tables import CELL_BITS, GATE_BITS, sigmoid_table, tanh_table
from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.rounding import round_activation, round_bias, weight_scale

GATE_STEP, SHARE_STEP = 2.0**-12, 2.0**-15
"""The steps of the sums before a gate, and of what a sigmoid or a tanh gives."""
MIN_CELL_RANGE = 0.75
"""The kernel's tanh of a cell that stays within half a unit is wrong: it has no step as fine as the range asks for."""
CELL = "cell"
"""The name of the range of the cell, which stays inside the op."""
MAX_CELL = 10.0
"""The converter's pass makes an op that clips its cell."""


def is_plain(layer: Any) -> bool:
    """Tell whether a layer is an LSTM as that op computes it."""
    if type(layer).__name__ != "LSTM":
        return False
    names = [getattr(layer.cell, name).__name__ for name in ("activation", "recurrent_activation")]
    return names == ["tanh", "sigmoid"] and layer.use_bias and not layer.return_state


def form(quantizer: Quantizer, layer: Any, x: Any) -> Any:
    """Compute the layer: as the op while a model is exported, and else in steps that round as it does."""
    import tensorflow as tf

    units = layer.units
    kernel, recurrent = (
        _flat(quantizer.weight(_by_gate(getattr(layer.cell, name), units), (1,)))
        for name in ("kernel", "recurrent_kernel")
    )
    bias = tf.convert_to_tensor(layer.cell.bias)
    if quantizer.unrolls:
        return quantizer.activation(_as_one_op(layer, x, kernel, recurrent, bias), "result")
    if quantizer.input_step is not None:
        scales = weight_scale(_by_gate(layer.cell.kernel, units), (1,))
        bias = round_bias(bias, quantizer.input_step * tf.repeat(tf.reshape(scales, [4]), units))
    raw, cells = _in_steps(quantizer, layer, x, kernel, recurrent, bias)
    quantizer.int16(cells, CELL)
    result = quantizer.activation(raw, "result")
    return result if layer.return_sequences else result[:, -1]


def _as_one_op(layer: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    import tensorflow as tf
    from tf_keras.src.layers.rnn.lstm import lstm_with_backend_selection

    zeros = tf.zeros([x.shape[0], layer.units])
    last, whole, *_ = lstm_with_backend_selection(
        x, zeros, zeros, kernel, recurrent, bias, None, False, layer.go_backwards, None, False, layer.return_sequences
    )
    return whole if layer.return_sequences else last


def _in_steps(quantizer: Quantizer, layer: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> tuple[Any, Any]:
    """Return result, before it is rounded, and cell in every step: (batch, steps, units)."""
    import tensorflow as tf

    units = layer.units
    bounds, cell_bounds = quantizer.range_of("result"), quantizer.range_of(CELL)
    exact = quantizer.rounds_as_kernels and cell_bounds is not None
    arithmetic = _AsKernel(*cell_bounds) if exact else _Plain()
    kept: Any = 1.0
    if quantizer.training and layer.cell.dropout:
        x = x * tf.nn.dropout(tf.ones_like(x[:, :1]), layer.cell.dropout)
    if quantizer.training and layer.cell.recurrent_dropout:
        kept = tf.nn.dropout(tf.ones([tf.shape(x)[0], units]), layer.cell.recurrent_dropout)

    def step(before: Any, inputs: Any) -> Any:
        hidden, cell, _ = before
        sums = inputs + arithmetic.sums(tf.matmul(hidden * kept, recurrent))
        enter, forget, candidate, leave = tf.split(sums, 4, axis=-1)
        new = arithmetic.cell(arithmetic.sigmoid(enter) * arithmetic.tanh(candidate))
        cell = arithmetic.cell(arithmetic.sigmoid(forget) * cell) + new
        cell = tf.clip_by_value(cell, -MAX_CELL, MAX_CELL)
        raw = arithmetic.sigmoid(leave) * arithmetic.tanh_of_cell(cell)
        if bounds is None:
            return raw, cell, raw
        return tf.where(bounds[1] > bounds[0], round_activation(raw, *bounds), raw), cell, raw

    sums = arithmetic.sums(tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel) + bias)
    sums = tf.transpose(tf.reshape(sums, [-1, x.shape[1], 4 * units]), [1, 0, 2])
    zeros = tf.zeros([tf.shape(x)[0], units])
    _, cells, raw = tf.scan(step, sums[::-1] if layer.go_backwards else sums, (zeros, zeros, zeros))
    return tf.transpose(raw, [1, 0, 2]), tf.transpose(cells, [1, 0, 2])


class _Plain:
    """The arithmetic of training: what is in int16 in the op is not rounded."""

    def sums(self, value: Any) -> Any:
        return value

    def cell(self, value: Any) -> Any:
        return value

    def sigmoid(self, value: Any) -> Any:
        import tensorflow as tf

        return tf.sigmoid(value)

    def tanh(self, value: Any) -> Any:
        import tensorflow as tf

        return tf.tanh(value)

    def tanh_of_cell(self, value: Any) -> Any:
        return self.tanh(value)


class _AsKernel:
    """The arithmetic of the kernel.

    Args:
        low: The smallest value of the cell, as its range has it.
        high: The largest.
    """

    def __init__(self, low: Any, high: Any) -> None:
        import tensorflow as tf

        largest = tf.maximum(tf.maximum(-low, high), MIN_CELL_RANGE)
        bits = tf.clip_by_value(tf.math.ceil(tf.math.log(largest) / tf.math.log(2.0) - 1e-6), 0.0, float(CELL_BITS))
        self._bits, self._cell_step = tf.cast(bits, "int32"), tf.pow(2.0, bits) * SHARE_STEP

    def sums(self, value: Any) -> Any:
        """Round to the step of the sums before a gate."""
        import tensorflow as tf

        return tf.round(value / GATE_STEP) * GATE_STEP

    def cell(self, value: Any) -> Any:
        """Round to the step of the cell."""
        import tensorflow as tf

        return tf.round(value / self._cell_step) * self._cell_step

    def sigmoid(self, value: Any) -> Any:
        """Look the sigmoid of a sum up."""
        return _looked_up(sigmoid_table(), value, GATE_STEP)

    def tanh(self, value: Any) -> Any:
        """Look the tanh of a sum up."""
        return _looked_up(tanh_table(GATE_BITS), value, GATE_STEP)

    def tanh_of_cell(self, value: Any) -> Any:
        """Look the tanh of the cell up."""
        import numpy as np

        tables = np.concatenate([tanh_table(bits) for bits in range(CELL_BITS + 1)])
        return _looked_up(tables, value, self._cell_step, self._bits * 2**16)


def _looked_up(table: Any, value: Any, step: Any, first: Any = 0) -> Any:
    import tensorflow as tf

    place = tf.cast(tf.clip_by_value(tf.round(value / step), -(2.0**15), 2.0**15 - 1), "int32")
    return tf.gather(tf.constant(table), place + 2**15 + first)


def _by_gate(weight: Any, units: int) -> Any:
    import tensorflow as tf

    weight = tf.convert_to_tensor(weight)
    return tf.reshape(weight, [weight.shape[0], 4, units])


def _flat(weight: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(weight, [weight.shape[0], -1])
