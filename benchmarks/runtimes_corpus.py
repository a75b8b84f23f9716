"""The files that `benchmarks.runtimes` measures: small models of layers and ops, in each kind of quantization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.layers import IMAGE, LAYERS, LINE, inputs, layer, network

MODELS = Path(__file__).parent.parent / "tflite_models"
KINDS = ("int8", "int16x8", "float32", "dynamic", "float16")
SETTINGS: dict[str, dict[str, str]] = {
    **{kind: {"quantization": kind} for kind in KINDS},
    "int8 between floats": {"quantization": "int8", "io": "float32"},
    "int8 between uint8": {"quantization": "int8", "io": "uint8"},
    "int16x8 between floats": {"quantization": "int16x8", "io": "float32"},
    "int8 for the newest": {"quantization": "int8", "runtime": "99"},
}
ENDS = ("Dense", "Dense, no bias", "LayerNormalization", "GRU", "MultiHeadAttention, causal")
"""The layers that are converted with all settings."""


def _masked_attention(k: Any, x: Any) -> Any:
    return k.layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)


def _recurrent(name: str, **settings: Any) -> Callable[[Any, Any], Any]:
    return lambda k, x: k.layers.Dense(3)(getattr(k.layers, name)(5, **settings)(x))


MORE: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "GroupNormalization": (layer("GroupNormalization", 2), IMAGE),
    "RMSNormalization": (layer("RMSNormalization"), LINE),
    "UnitNormalization": (layer("UnitNormalization"), LINE),
    "MultiHeadAttention, causal": (_masked_attention, LINE),
    "LSTM": (_recurrent("LSTM"), LINE),
    "LSTM, unrolled": (_recurrent("LSTM", activation="relu"), LINE),
    "GRU": (_recurrent("GRU"), LINE),
    "SimpleRNN": (_recurrent("SimpleRNN"), LINE),
    "Bidirectional LSTM": (lambda k, x: k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True))(x), LINE),
    **{f"Activation {name}": (layer("Activation", name), IMAGE) for name in ("selu", "softplus", "exponential")},
    "Softmax over an axis": (layer("Softmax", axis=1), LINE),
    "TimeDistributed": (lambda k, x: k.layers.TimeDistributed(k.layers.Dense(3, activation="relu"))(x), LINE),
    "Minimum": (lambda k, x: k.layers.Minimum()([x, k.layers.Conv2D(4, 3, padding="same")(x)]), IMAGE),
    "Dot": (lambda k, x: k.layers.Dot(axes=2)([x, x]), LINE),
    "Dense, no bias": (lambda k, x: k.layers.Dense(3, use_bias=False)(k.layers.Dense(4, use_bias=False)(x)), LINE[1:]),
    "Concatenate of five": (
        lambda k, x: k.layers.Concatenate()([k.layers.Conv2D(n, 3, padding="same")(x) for n in range(1, 6)]),
        IMAGE,
    ),
    "SimpleRNN, all steps": (layer("SimpleRNN", 4, return_sequences=True), LINE),
    "RepeatVector": (lambda k, x: k.layers.RepeatVector(3)(k.layers.Flatten()(x)), LINE),
}


OPS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        f"ops.{name}": lambda k, x, name=name: getattr(k.ops, name)(x)
        for name in (
            *("abs", "exp", "square", "sin", "cos", "floor", "ceil", "round", "sign", "negative", "log_softmax"),
            *("mean", "max", "min", "sum", "prod", "var", "argmax", "argmin", "tanh", "rsqrt", "softsign", "relu6"),
        )
    },
    "ops.log": lambda k, x: k.ops.log(k.ops.abs(x) + 1),
    "ops.sqrt": lambda k, x: k.ops.sqrt(k.ops.abs(x)),
    "ops.clip": lambda k, x: k.ops.clip(x, -1, 1),
    "ops.cumsum": lambda k, x: k.ops.cumsum(x, axis=1),
    "ops.flip": lambda k, x: k.ops.flip(x, axis=1),
    "ops.split": lambda k, x: k.ops.split(x, 2, axis=1)[1],
    "ops.stack": lambda k, x: k.ops.stack([x, x * 2], axis=1),
    "ops.split, four": lambda k, x: k.ops.concatenate(k.ops.split(x, 4, axis=1)[::-1], axis=2),
    "ops.stack, three": lambda k, x: k.ops.stack([x, x * 2, x * 3], axis=1),
    "ops.tile": lambda k, x: k.ops.tile(x, (1, 2, 1)),
    "ops.where": lambda k, x: k.ops.where(x > 0, x, x * 0.5),
    "ops.divide": lambda k, x: x / (k.ops.abs(x) + 1),
    "ops.power": lambda k, x: k.ops.power(k.ops.abs(x) + 1, 1.5),
    "ops.matmul": lambda k, x: k.ops.matmul(x, k.ops.transpose(x, (0, 2, 1))),
    "ops.pad": lambda k, x: k.ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"),
    "ops.one_hot": lambda k, x: k.ops.one_hot(k.ops.argmax(x, axis=-1), 4),
    "ops.take": lambda k, x: k.ops.take(x, [0, 2], axis=1),
    "ops.slice": lambda k, x: x[:, 1:7:2, :2],
    "ops.cast": lambda k, x: k.ops.cast(k.ops.cast(x, "int32"), "float32"),
    "ops.top_k": lambda k, x: k.ops.top_k(x, 2)[0],
}


def corpus(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield layer, kind and file; a file that is in the folder already is not made again, one that is empty failed."""
    import keras

    import tfcompress

    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(name, kind) for name in (*LAYERS, *MORE) for kind in (SETTINGS if name in ENDS else KINDS)]
    wanted += [(name, kind) for name in OPS for kind in ("int8", "float32")]
    for name, kind in wanted:
        path = folder / f"{name} {kind}.tflite"
        if not path.exists():
            keras.utils.set_random_seed(0)
            try:
                made = tfcompress.convert(_network(keras, name), samples=_inputs(name), **SETTINGS[kind]).content
            except tfcompress.TfcompressError as error:
                print(f"{name}, {kind}: {error}", flush=True)
                made = b""
            path.write_bytes(made)
        if path.stat().st_size:
            yield name, kind, path
    for path in sorted(MODELS.glob("*.tflite")):
        yield path.stem, "built model", path


def _network(k: Any, name: str) -> Any:
    if name in LAYERS:
        return network(k, name)
    call, shape = MORE.get(name) or (OPS[name], LINE)
    entry = k.Input(shape)
    return k.Model(entry, call(k, entry))


def _inputs(name: str) -> Any:
    shape = MORE[name][1] if name in MORE else LINE
    return inputs(name, 64) if name in LAYERS else np.random.default_rng(0).normal(0, 1, (64, *shape))
