"""Which `keras.applications` become all-integer files by calibration, and how much error is in their outputs?

    python -m benchmarks.conversion_applications [--only NAME …] [--kerases keras tf_keras]

Random weights, statistics of the batch norms from forward passes, small smooth images, 64 samples. The error is the
root mean square of int8 minus float logits on 64 other images, over the spread of the float logits between images.
TFLiteConverter gets the same model and samples, in a process of its own, as it may crash.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import warnings
from types import ModuleType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.record import Record
from tfcompress import Runner, TFLiteModel, convert, inspect, kerases

SIZES = {
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ResNet50": 64,
    "DenseNet121": 64,
    "NASNetMobile": 64,
    "InceptionV3": 96,
    "Xception": 96,
    "ConvNeXtTiny": 64,
}
SAMPLES = 64


def images(size: int, count: int, seed: int) -> np.ndarray:
    """Smooth images of different contrast and colour."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(count, size // 8, size // 8, 3)) * rng.uniform(10, 70, (count, 1, 1, 3))
    smooth = np.kron(coarse, np.ones((1, 8, 8, 1))) + rng.uniform(60, 200, (count, 1, 1, 3))
    return np.clip(smooth + rng.normal(size=smooth.shape) * 10, 0, 255).astype("float32")


def build(keras: ModuleType, name: str) -> Any:
    """Return a model whose layers all let something through."""
    keras.utils.set_random_seed(1)
    size = SIZES[name]
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None
    )
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for norm in norms:
        norm.momentum = 0.0
    if norms:  # each pass settles the norms one after the other
        for _ in range(3):
            model(images(size, SAMPLES, 2), training=True)
    return model


def theirs(flavour: str, name: str, queue: Any) -> None:
    """Convert with TFLiteConverter and report the float tensors between the ends."""
    import tensorflow as tf

    model, x = build(kerases.keras_of(flavour), name), images(SIZES[name], SAMPLES, 3)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = TFLiteModel(bytes(converter.convert()))
    floats = {tensor.index for op in tflite.ops for tensor in (*op.inputs, *op.outputs) if tensor.is_float}
    queue.put(
        {"TFLiteConverter": f"{len(floats)} float tensors", **errors(tflite, model, name, "TFLiteConverter_error")}
    )


def errors(tflite: TFLiteModel, model: Any, name: str, label: str) -> dict[str, float | str]:
    """Return the error of a file on the optimised kernels, and whether the reference kernels run it."""
    x = images(SIZES[name], SAMPLES, 4)
    expected = np.asarray(model.predict(x, verbose=0))
    spread = float(expected.std(axis=0).mean())
    found = {label: float(np.sqrt(np.mean((Runner(tflite).predict(x) - expected) ** 2))) / spread}
    if label == "error":
        few = Runner(tflite, runtime="reference").predict(x[:4])
        found["error_on_reference_kernels"] = float(np.sqrt(np.mean((few - expected[:4]) ** 2))) / spread
    return found


def apart(flavour: str, name: str) -> dict[str, Any]:
    """Run `theirs` in a process; tell how it died where it did."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=theirs, args=(flavour, name, queue))
    process.start()
    while process.is_alive() and queue.empty():
        process.join(0.5)
    result = {} if queue.empty() else queue.get()
    process.join()
    return result or {"TFLiteConverter": f"ended with exit code {process.exitcode}", "TFLiteConverter_error": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SIZES))
    parser.add_argument("--kerases", nargs="+", default=["keras", "tf_keras"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    record = Record("conversion_applications", "model", "Keras")
    for name in arguments.only:
        for flavour in arguments.kerases:
            keras = kerases.keras_of(flavour)
            model = build(keras, name)
            tflite = convert(model, samples=images(SIZES[name], SAMPLES, 3))
            record.add(
                model=name,
                Keras=flavour,
                tfcompress="all integer" if not inspect(tflite).float_ops else "float ops",
                **errors(tflite, model, name, "error"),
                **apart(flavour, name),
            )
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
