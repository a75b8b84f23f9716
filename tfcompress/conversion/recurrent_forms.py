"""Recurrent layers in a form that becomes integer ops: one fused op for an LSTM, or one step after the other.

In: a recurrent layer of either Keras, a sequence of known length. Out: what the layer returns. The steps are computed
under the scope INT16, as a state that is rounded to int8 at every step drifts. Source of the fused op: the converter's
pass for the LSTM of tf_keras, which is called here with the weights of any LSTM. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfcompress.console import say
from tfcompress.errors import ModelError

INT16 = "in_int16"
"""The name scope of what is computed in int16 in an integer file."""

MOST_STEPS = 512
OPS_A_STEP = {"LSTM": 13, "GRU": 14, "SimpleRNN": 4}
BYTES_AN_OP = 300

State = list[Any]


def recurrent(layer: Any, path: str, may_fuse: bool, x: Any, *more: Any, **kwargs: Any) -> Any:
    """LSTM, GRU and SimpleRNN.

    Args:
        layer: The layer.
        path: Its path, for messages.
        may_fuse: Whether the fused op will do for an LSTM.
        x: The sequence, and its first state after it where tf_keras passes both together.
        more: Nothing; what Keras passes has names.
        kwargs: `mask` and `initial_state`, as for the layer.
    """
    import tensorflow as tf

    state, mask = kwargs.get("initial_state"), kwargs.get("mask")
    if isinstance(x, (list, tuple)):
        x, *state = x
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    _require_possible(layer, path, x, more)
    state = None if state is None or state == [] else state if isinstance(state, (list, tuple)) else [state]
    if may_fuse and state is None and mask is None and _is_plain_lstm(layer):
        return _fused(layer, x)
    kind = type(layer).__name__
    ops = OPS_A_STEP[kind] * x.shape[1]
    say(f"{path}: {kind} in {x.shape[1]} steps becomes about {ops} ops, {ops * BYTES_AN_OP // 1000 + 1} kB")
    with tf.name_scope(INT16):
        steps = _projected(layer, x)
        masks = [None] * len(steps) if mask is None else tf.unstack(mask[..., tf.newaxis], axis=1)
        pairs = list(zip(steps, masks, strict=True))[:: -1 if layer.go_backwards else 1]
        results = []
        for step, valid in pairs:
            new = STEPS[kind](layer, step, None if state is None else list(state))
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


STEPS: dict[str, Callable[[Any, Any, State | None], State]] = {"LSTM": _lstm, "GRU": _gru, "SimpleRNN": _simple}


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
    names = (
        [getattr(layer.cell, name).__name__ for name in ("activation", "recurrent_activation")]
        if hasattr(layer.cell, "recurrent_activation")
        else []
    )
    return names == ["tanh", "sigmoid"] and type(layer).__name__ == "LSTM" and layer.use_bias and not layer.return_state


def _require_possible(layer: Any, path: str, x: Any, more: tuple[Any, ...]) -> None:
    kind = type(layer).__name__
    problem = ""
    if getattr(layer, "stateful", False):
        problem = "stateful=True: a .tflite keeps no state from one call to the next"
    elif x.shape[1] is None:
        problem = "a sequence of open length"
    elif x.shape[1] > MOST_STEPS and kind != "LSTM":
        problem = f"{x.shape[1]} steps, each with ops of its own"
    elif getattr(layer, "time_major", False) or more:
        problem = "time_major=True or arguments without a name"
    if problem:
        raise ModelError(
            f"In an integer file {kind} takes sequences of known length, {MOST_STEPS} steps at most, and starts anew "
            "with each.",
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
