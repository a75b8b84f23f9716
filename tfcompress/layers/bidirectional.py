"""Bidirectional: a recurrent layer forwards and another backwards, and one result of both.

In: the layer, a `Quantizer`, a sequence. Out: its spec; what the layer returns. A concatenation has one scale with what
it joins, so both directions share the range of the result.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.example import LINE, Example
from tfcompress.layers.layer_spec import CallInfo, LayerSpec
from tfcompress.layers.quantizer import Quantizer
from tfcompress.layers.recurrent import SEQUENCE, arguments, by_call, recurrent
from tfcompress.layers.recurrent_cells import CELLS

DIRECTIONS = ("forward", "backward")


class Part:
    """The quantizer of one direction: its ranges have names of their own.

    Args:
        quantizer: That of the whole layer.
        direction: What its names begin with.
        layer: The layer of that direction.
        shares: Whether its result has the range of the whole result.
    """

    def __init__(self, quantizer: Quantizer, direction: str, layer: Any, shares: bool) -> None:
        self._quantizer, self._direction, self._shares = quantizer, direction, shares
        self.path = f"{quantizer.path}/{layer.name}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._quantizer, name)

    def _named(self, name: str) -> str:
        return name if name == "result" and self._shares else f"{self._direction}_{name}"

    def activation(self, tensor: Any, name: str, unit: Any = None) -> Any:
        """Round to a range of this direction."""
        return self._quantizer.activation(tensor, self._named(name), unit)

    def int16(self, tensor: Any, name: str) -> Any:
        """Track a range of this direction."""
        return self._quantizer.int16(tensor, self._named(name))

    def range_of(self, name: str) -> Any:
        """Return a range of this direction."""
        return self._quantizer.range_of(self._named(name))


def bidirectional(quantizer: Quantizer, layer: Any, x: Any, *more: Any, **kwargs: Any) -> Any:
    """Compute both directions, and merge what they give."""
    import tensorflow as tf

    x, state, mask = arguments(x, **kwargs)
    half = len(state or []) // 2
    halves = (state[:half], state[half:]) if state else (None, None)
    results, states = [], []
    for direction, inner, first in zip(DIRECTIONS, _layers(layer), halves, strict=True):
        part: Any = Part(quantizer, direction, inner, layer.merge_mode == "concat")
        with tf.name_scope(direction):
            result = recurrent(part, inner, x, *more, mask=mask, initial_state=first)
        if inner.return_state:
            result, *last = result
            states += last
        results.append(result)
    if layer.return_sequences:
        results[1] = tf.reverse(results[1], [1])
    merged = _merged(quantizer, layer.merge_mode, *results)
    whole = list(merged) if isinstance(merged, tuple) else [merged]
    return [*whole, *states] if states or len(whole) > 1 else merged


def _merged(quantizer: Quantizer, mode: str | None, forward: Any, backward: Any) -> Any:
    import tensorflow as tf

    if mode is None:
        return forward, backward
    if mode == "concat":
        return tf.concat([forward, backward], -1)
    if mode == "mul":
        return quantizer.activation(forward * backward, "result")
    if mode == "sum":
        return quantizer.activation(forward + backward, "result")
    return quantizer.activation(quantizer.activation(forward + backward, "sum") * 0.5, "result")


def by_directions(spec: LayerSpec, layer: Any, call: CallInfo) -> LayerSpec:
    """Keep in float what one direction cannot do, and tell the ranges of what a call returns."""
    results: list[str] = []
    states: list[str] = []
    cells: list[tuple[str, str]] = []
    for direction, inner in zip(DIRECTIONS, _layers(layer), strict=True):
        cell = getattr(inner, "cell", None)
        if type(cell).__name__ not in CELLS or not type(inner).__module__.startswith(spec.homes):
            return spec.stays_float(f"no rule for {type(inner).__name__} in both directions")
        one = by_call(SEQUENCE, inner, call)
        if one.result == "float":
            return one
        results.append(f"{direction}_result")
        cells += [(direction, f"{direction}_{name}") for _, name in one.cells]
        states += [f"{direction}_{state}" for state in one.results[1:]]
    whole = results if layer.merge_mode is None else ["result"]
    return spec.but(results=(*whole, *states), cells=tuple(cells))


def _layers(layer: Any) -> tuple[Any, Any]:
    return layer.forward_layer, layer.backward_layer


SPECS = (
    SEQUENCE.but(
        names=("Bidirectional",),
        examples=(Example("Bidirectional", lambda k, x: k.layers.Bidirectional(k.layers.LSTM(3))(x), LINE),),
        kernels={},
        channels=recurrent_rules.bidirectional,
        int8=None,
        rounded=bidirectional,
        of_call=by_directions,
    ),
)
