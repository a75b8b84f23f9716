"""Layers that go through a sequence step by step: in integers one fused op for an LSTM, or one step after the other.

In: a layer, a `Quantizer`, a sequence of known length. Out: its spec; what the layer returns. The steps are computed
in int16, as a state that is rounded to int8 at every step drifts. Source of the fused op: the converter's pass for the
LSTM of tf_keras, which is called here with the weights of any LSTM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.example import LINE, Example, layer
from tfcompress.layers.spec import KernelLayout, LayerSpec

MOST_STEPS = 512
BYTES_AN_OP = 300

State = list[Any]


@dataclass(frozen=True)
class Kind:
    """What one kind of recurrent layer does in a step."""

    name: str
    step: Callable[[Any, Any, State | None], State]
    ops_a_step: int
    """About how many ops a step becomes."""
    fuses: bool = False
    """There is one op for all steps."""


def recurrent(kind: Kind, quantizer: Any, layer: Any, x: Any, *more: Any, **kwargs: Any) -> Any:
    """LSTM, GRU and SimpleRNN.

    Args:
        kind: Which of them.
        quantizer: That of calibration, which knows the path of the layer.
        layer: The layer.
        x: The sequence, and its first state after it where tf_keras passes both together.
        more: Nothing; what Keras passes has names.
        kwargs: `mask` and `initial_state`, as for the layer.
    """
    import tensorflow as tf

    state, mask = kwargs.get("initial_state"), kwargs.get("mask")
    if isinstance(x, (list, tuple)):
        x, *state = x
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    _require_possible(kind, layer, quantizer.path, x, more)
    state = None if state is None or state == [] else state if isinstance(state, (list, tuple)) else [state]
    if kind.fuses and quantizer.may_fuse and state is None and mask is None and _is_plain_lstm(layer):
        return _fused(layer, x)
    ops = kind.ops_a_step * x.shape[1]
    size = ops * BYTES_AN_OP // 1000 + 1
    say(f"{quantizer.path}: {kind.name} in {x.shape[1]} steps becomes about {ops} ops, {size} kB")
    with quantizer.int16_scope():
        steps = _projected(layer, x)
        masks = [None] * len(steps) if mask is None else tf.unstack(mask[..., tf.newaxis], axis=1)
        pairs = list(zip(steps, masks, strict=True))[:: -1 if layer.go_backwards else 1]
        results = []
        for step, valid in pairs:
            new = kind.step(layer, step, None if state is None else list(state))
            if valid is not None:
                old = [tf.zeros_like(part) for part in new] if state is None else state
                new = [tf.where(valid, after, before) for after, before in zip(new, old, strict=True)]
            state = new
            results.append(state[0])
        result = tf.stack(results, axis=1) if layer.return_sequences else results[-1]
    return [result, *state] if layer.return_state else result


def _lstm(layer: Any, step: Any, state: State | None) -> State:
    import tensorflow as tf

    gates = step if state is None else step + tf.matmul(state[0], _weight(layer, "recurrent_kernel"))
    enter, forget, candidate, leave = tf.split(gates, 4, axis=-1)
    cell = _inner(layer, enter) * _outer(layer, candidate)
    if state is not None:
        cell = cell + _inner(layer, forget) * state[1]
    return [_inner(layer, leave) * _outer(layer, cell), cell]


def _gru(layer: Any, step: Any, state: State | None) -> State:
    import tensorflow as tf

    units = layer.units
    after = getattr(layer, "reset_after", True)
    kernel, bias = _weight(layer, "recurrent_kernel"), None
    if layer.use_bias and after:
        bias = _weight(layer, "bias")[1]
    if state is None:
        if bias is None:
            update, _, candidate = tf.split(step, 3, axis=-1)
            return [_outer(layer, candidate) * (1.0 - _inner(layer, update))]
        update, reset, candidate = tf.split(step + tf.concat([bias[: 2 * units], tf.zeros(units)], 0), 3, axis=-1)
        new = _outer(layer, candidate + _inner(layer, reset) * bias[2 * units :])
        return [new * (1.0 - _inner(layer, update))]
    update, reset, candidate = tf.split(step, 3, axis=-1)
    if after:
        past = tf.matmul(state[0], kernel)
        past = past if bias is None else past + bias
        past_update, past_reset, past_candidate = tf.split(past, 3, axis=-1)
        new = _outer(layer, candidate + _inner(layer, reset + past_reset) * past_candidate)
        keep = _inner(layer, update + past_update)
    else:
        past_update, past_reset = tf.split(tf.matmul(state[0], kernel[:, : 2 * units]), 2, axis=-1)
        kept = _inner(layer, reset + past_reset) * state[0]
        new = _outer(layer, candidate + tf.matmul(kept, kernel[:, 2 * units :]))
        keep = _inner(layer, update + past_update)
    return [new + keep * (state[0] - new)]


def _simple(layer: Any, step: Any, state: State | None) -> State:
    import tensorflow as tf

    return [_outer(layer, step if state is None else step + tf.matmul(state[0], _weight(layer, "recurrent_kernel")))]


def _projected(layer: Any, x: Any) -> list[Any]:
    """Multiply the whole sequence with the kernel at once; returns a list of steps."""
    import tensorflow as tf

    steps = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), _weight(layer, "kernel"))
    if layer.use_bias:
        bias = _weight(layer, "bias")
        steps = steps + (bias[0] if len(bias.shape) == 2 else bias)
    return tf.unstack(tf.reshape(steps, [x.shape[0], x.shape[1], steps.shape[-1]]), axis=1)


def _fused(layer: Any, x: Any) -> Any:
    import tensorflow as tf
    from tf_keras.src.layers.rnn.lstm import lstm_with_backend_selection

    weights = (_weight(layer, name) for name in ("kernel", "recurrent_kernel", "bias"))
    zeros = tf.zeros([x.shape[0], layer.units])
    last, whole, *_ = lstm_with_backend_selection(
        x, zeros, zeros, *weights, None, False, layer.go_backwards, None, False, layer.return_sequences
    )
    return whole if layer.return_sequences else last


def _is_plain_lstm(layer: Any) -> bool:
    names = [getattr(layer.cell, name).__name__ for name in ("activation", "recurrent_activation")]
    return names == ["tanh", "sigmoid"] and layer.use_bias and not layer.return_state


def _require_possible(kind: Kind, layer: Any, path: str, x: Any, more: tuple[Any, ...]) -> None:
    problem = ""
    if getattr(layer, "stateful", False):
        problem = "stateful=True: a .tflite keeps no state from one call to the next"
    elif x.shape[1] is None:
        problem = "a sequence of open length"
    elif x.shape[1] > MOST_STEPS and not kind.fuses:
        problem = f"{x.shape[1]} steps, each with ops of its own"
    elif getattr(layer, "time_major", False) or more:
        problem = "time_major=True or arguments without a name"
    if problem:
        raise ModelError(
            f"In an integer file {kind.name} takes sequences of known length, {MOST_STEPS} steps at most, and starts "
            "anew with each.",
            received=f"layer {path}: {problem}",
            todo="Use LSTM for long sequences, which is one op, or cut them; pass states as inputs and outputs.",
        )


def _weight(layer: Any, name: str) -> Any:
    import tensorflow as tf

    return tf.convert_to_tensor(getattr(layer.cell, name))


def _inner(layer: Any, x: Any) -> Any:
    return layer.cell.recurrent_activation(x)


def _outer(layer: Any, x: Any) -> Any:
    return layer.cell.activation(x)


_KERNEL = KernelLayout(trained=False)
CELL = {"kernel": _KERNEL, "recurrent_kernel": _KERNEL}
_SEQUENCE = LayerSpec(note="", trained_since=None)

_LSTMS = (
    layer("LSTM", 5, shape=LINE),
    layer("LSTM", 5, return_sequences=True, shape=LINE, title="LSTM, sequences"),
    layer("LSTM", 5, activation="relu", shape=LINE, title="LSTM, unrolled"),
)
_BIDIRECTIONAL = Example("Bidirectional", lambda k, x: k.layers.Bidirectional(k.layers.LSTM(3))(x), LINE)
_DISTRIBUTED = Example(
    "TimeDistributed", lambda k, x: k.layers.TimeDistributed(k.layers.Dense(3, activation="relu"))(x), LINE
)

SPECS = (
    _SEQUENCE.but(
        names=("LSTM",),
        examples=_LSTMS,
        channels=recurrent_rules.recurrent,
        int8=partial(recurrent, Kind("LSTM", _lstm, 13, fuses=True)),
    ),
    _SEQUENCE.but(
        names=("GRU",),
        examples=(layer("GRU", 5, shape=LINE),),
        channels=recurrent_rules.recurrent,
        int8=partial(recurrent, Kind("GRU", _gru, 14)),
    ),
    _SEQUENCE.but(
        names=("SimpleRNN",),
        examples=(layer("SimpleRNN", 5, shape=LINE),),
        channels=recurrent_rules.recurrent,
        int8=partial(recurrent, Kind("SimpleRNN", _simple, 4)),
    ),
    _SEQUENCE.but(names=("Bidirectional",), examples=(_BIDIRECTIONAL,), channels=recurrent_rules.bidirectional),
    _SEQUENCE.but(names=("TimeDistributed",), examples=(_DISTRIBUTED,), channels=recurrent_rules.distributed),
    _SEQUENCE.but(names=("LSTMCell", "GRUCell", "SimpleRNNCell"), kernels=CELL),
)
