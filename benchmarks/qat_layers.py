"""Which layers train quantized and end all-integer, and is what is trained what is run? Beside TF-MOT.

    python -m benchmarks.qat_layers [NAME …] [--again]

One small Keras 3 model a layer: calibrated, one epoch of training on random data, converted without samples, run on the
reference kernels. TF-MOT gets the same layer of tf_keras.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tf_keras

from benchmarks.record import Record
from tfcompress import Runner, TfcompressError, convert, quantize_aware
from tfcompress.flatbuffer.inspect import float_ops

IMAGE, LINE, FLAT = (8, 8, 4), (8, 4), (6,)


def layer(name: str, *args: Any, **kwargs: Any) -> Callable[[Any, Any], Any]:
    """Return a function that calls one layer."""
    return lambda k, x: getattr(k.layers, name)(*args, **kwargs)(x)


def squeeze_and_excite(k: Any, x: Any) -> Any:
    """A gate for each channel, from its mean."""
    gate = k.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = k.layers.Conv2D(2, 1, activation="relu")(gate)
    return k.layers.Multiply()([x, k.layers.Conv2D(4, 1, activation="sigmoid")(gate)])


def normalization(k: Any, x: Any) -> Any:
    """Normalization with the statistics of some data."""
    return k.layers.Normalization(mean=[0.1, 0.2, -0.1, 0.0], variance=[0.3, 0.2, 0.4, 0.5])(x)


def two(name: str) -> Callable[[Any, Any], Any]:
    """Return a function that merges the input with a convolution of it."""
    return lambda k, x: getattr(k.layers, name)()([x, k.layers.Conv2D(4, 3, padding="same")(x)])


def convolved(k: Any, x: Any) -> Any:
    return k.layers.Conv2D(4, 3, padding="same")(x)


def embedding(k: Any, x: Any) -> Any:
    return k.layers.GlobalAveragePooling1D()(k.layers.Embedding(20, 8)(x))


def attention(k: Any, x: Any) -> Any:
    return k.layers.MultiHeadAttention(2, 4)(x, x)


LAYERS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "Conv1D": (layer("Conv1D", 6, 3, activation="relu"), LINE),
    "Conv1D, causal": (layer("Conv1D", 6, 3, padding="causal"), LINE),
    "Conv2D": (layer("Conv2D", 6, 3, strides=2, padding="same"), IMAGE),
    "Conv2D, dilated": (layer("Conv2D", 6, 3, dilation_rate=2), IMAGE),
    "Conv2D, grouped": (layer("Conv2D", 6, 3, groups=2), IMAGE),
    "Conv2DTranspose": (layer("Conv2DTranspose", 6, 3, strides=2), IMAGE),
    "DepthwiseConv1D": (layer("DepthwiseConv1D", 3), LINE),
    "DepthwiseConv2D": (layer("DepthwiseConv2D", 3, depth_multiplier=2), IMAGE),
    "SeparableConv1D": (layer("SeparableConv1D", 6, 3), LINE),
    "SeparableConv2D": (layer("SeparableConv2D", 6, 3, activation="relu"), IMAGE),
    "Dense": (layer("Dense", 5, activation="softmax"), FLAT),
    "Dense on a sequence": (layer("Dense", 5), LINE),
    "EinsumDense": (layer("EinsumDense", "abc,cde->abde", (None, 2, 3)), LINE),
    "BatchNormalization, fused": (
        lambda k, x: k.layers.ReLU()(k.layers.BatchNormalization()(k.layers.Conv2D(6, 3, use_bias=False)(x))),
        IMAGE,
    ),
    "BatchNormalization, lone": (layer("BatchNormalization"), IMAGE),
    "ReLU": (layer("ReLU"), IMAGE),
    "ReLU6": (layer("ReLU", 6.0), IMAGE),
    "LeakyReLU": (layer("LeakyReLU"), IMAGE),
    "PReLU": (layer("PReLU", alpha_initializer="uniform", shared_axes=[1, 2]), IMAGE),
    "ELU": (lambda k, x: k.layers.ELU()(convolved(k, x)), IMAGE),
    **{
        f"Activation {name}": (layer("Activation", name), IMAGE)
        for name in ("swish", "hard_swish", "gelu", "sigmoid", "hard_sigmoid", "tanh")
    },
    "Softmax": (layer("Softmax"), FLAT),
    **{
        f"{kind}Pooling{axes}D": (
            layer(f"{kind}Pooling{axes}D", *([] if "Global" in kind else [2])),
            (8,) * axes + (4,),
        )
        for kind, size in (("Max", [2]), ("Average", [2]), ("GlobalMax", []), ("GlobalAverage", []))
        for axes in (1, 2)
    },
    **{name: (two(name), IMAGE) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate")},
    "x + y": (lambda k, x: x + convolved(k, x), IMAGE),
    "x * 0.5 - y": (lambda k, x: x * 0.5 - convolved(k, x), IMAGE),
    "squeeze and excite": (squeeze_and_excite, IMAGE),
    "Flatten": (lambda k, x: k.layers.Dense(3)(k.layers.Flatten()(x)), IMAGE),
    "Reshape": (layer("Reshape", (4, 64)), IMAGE),
    "Permute": (layer("Permute", (2, 1, 3)), IMAGE),
    "ZeroPadding1D": (layer("ZeroPadding1D", 1), LINE),
    "ZeroPadding2D": (layer("ZeroPadding2D", 1), IMAGE),
    "Cropping2D": (layer("Cropping2D", 1), IMAGE),
    "UpSampling1D": (layer("UpSampling1D", 2), LINE),
    "UpSampling2D": (layer("UpSampling2D", 2), IMAGE),
    "UpSampling2D, bilinear": (layer("UpSampling2D", 2, interpolation="bilinear"), IMAGE),
    "Rescaling": (layer("Rescaling", 1 / 3, 0.1), IMAGE),
    "Normalization": (normalization, IMAGE),
    "Dropout": (lambda k, x: k.layers.Dense(3)(k.layers.Dropout(0.5)(x)), FLAT),
    "Embedding": (embedding, (5,)),
    "LayerNormalization": (layer("LayerNormalization"), LINE),
    "MultiHeadAttention": (attention, LINE),
}


def network(k: Any, name: str) -> Any:
    """Return the small model of one layer, of either Keras."""
    call, shape = LAYERS[name]
    entry = k.Input(shape, dtype="int32" if name == "Embedding" else "float32")
    return k.Model(entry, call(k, entry))


def inputs(name: str, count: int) -> np.ndarray:
    """Return random inputs for it."""
    shape = LAYERS[name][1]
    rng = np.random.default_rng(0)
    if name == "Embedding":
        return rng.integers(0, 20, (count, *shape)).astype("int32")
    return rng.normal(0, 1, (count, *shape)).astype("float32")


def ours(name: str) -> dict[str, Any]:
    """Train, convert and run one layer with tfcompress."""
    keras.utils.set_random_seed(0)
    model, x = network(keras, name), inputs(name, 256)
    qat_model = quantize_aware(model, samples=x)
    qat_model.compile(keras.optimizers.Adam(1e-3), "mse")
    qat_model.fit(x, model.predict(x, verbose=0), epochs=1, verbose=0)
    tflite = convert(qat_model)
    gaps = [row.path for row in qat_model.quantization.gaps]
    runtime = "litert" if gaps else "reference"  # which has few float kernels
    trained, run = qat_model.predict(x, verbose=0), Runner(tflite, runtime=runtime).predict(x)
    near = float((np.abs(trained - run) <= 1.01 * (tflite.outputs[0].scale or 1e-4)).mean())
    return {"in_float": ", ".join(op.name for op in float_ops(tflite)) or "–", "gaps": gaps, "within_one_step": near}


def tfmot_takes(name: str) -> str:
    """Tell what TF-MOT's quantize_model does with the same layer."""
    from tensorflow_model_optimization.quantization.keras import quantize_model

    try:
        quantize_model(network(tf_keras, name))
    except Exception as error:  # whatever it refuses with is its row
        return f"refuses: {str(error).splitlines()[0][:70]}"
    return "accepts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    record = Record("qat_layers", "layer")
    done = {row["layer"] for row in record.rows}
    for name in arguments.names or LAYERS:
        if name in done and not arguments.again:
            continue
        try:
            row = ours(name)
            row = {"in_float": row["in_float"], "within_one_step": 100 * row["within_one_step"]}
        except TfcompressError as error:
            row = {"in_float": f"{type(error).__name__}: {str(error)[:120]}", "within_one_step": None}
        record.add(layer=name, **row, TFMOT=tfmot_takes(name))
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
