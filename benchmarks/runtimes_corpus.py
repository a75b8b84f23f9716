"""The files that `benchmarks.runtimes` measures: small models of layers and ops, in each kind of quantization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.layers import LAYERS, inputs, network
from tfcompress.layers.example import LINE, Example, convolved, layer

MODELS = Path(__file__).parent.parent / "tflite_models"
KINDS = ("int8", "int8x4", "int16x8", "float32", "dynamic", "float16")
SETTINGS: dict[str, dict[str, Any]] = {
    **{kind: {"quantization": kind} for kind in KINDS},
    "int8x4": {"quantization": "int8x4", "keep_int8": []},  # what cannot have four bits is told, and left out
    "int8 between floats": {"quantization": "int8", "io": "float32"},
    "int8 between uint8": {"quantization": "int8", "io": "uint8"},
    "int16x8 between floats": {"quantization": "int16x8", "io": "float32"},
    "int8 for the newest": {"quantization": "int8", "runtime": "99"},
}
ENDS = ("Dense", "Dense, no bias", "LayerNormalization", "GRU", "MultiHeadAttention, causal")
"""The layers that are converted with all settings."""


MORE = {
    example.title: example
    for example in (
        Example("Softmax over an axis", lambda k, x: k.layers.Softmax(axis=1)(x), LINE),
        Example("Dot", lambda k, x: k.layers.Dot(axes=2)([x, x]), LINE),
        Example(
            "Dense, no bias",
            lambda k, x: k.layers.Dense(3, use_bias=False)(k.layers.Dense(4, use_bias=False)(x)),
            LINE[1:],
        ),
        Example("Concatenate of five", lambda k, x: k.layers.Concatenate()([convolved(k, x) for _ in range(5)])),
        layer("SimpleRNN", 4, return_sequences=True, shape=LINE, title="SimpleRNN, all steps"),
    )
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
    return network(k, name) if name in LAYERS else _other(name).model(k)


def _inputs(name: str) -> np.ndarray:
    return inputs(name, 64) if name in LAYERS else _other(name).inputs(64)


def _other(name: str) -> Example:
    return MORE.get(name) or Example(name, OPS[name], LINE)
