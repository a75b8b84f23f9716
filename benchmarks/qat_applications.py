"""Which `keras.applications` become all-integer files after quantization-aware training, beside TF-MOT.

    python -m benchmarks.qat_applications [NAME …] [--without-tfmot]

Random weights, small inputs, one training step. Prints a Markdown table.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tfcompress import Runner, TfcompressError, convert, quantize_aware

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
}


def ours(name, size):
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    x = np.random.default_rng(1).uniform(0, 255, (32, size, size, 3)).astype("float32")
    qat_model = quantize_aware(model, samples=x)
    qat_model.compile("adam", "sparse_categorical_crossentropy")
    qat_model.fit(x[:8], np.arange(8), batch_size=8, verbose=0)
    gaps = [row.path for row in qat_model.quantization.gaps]
    tflite = convert(qat_model)
    a, b = qat_model.predict(x, verbose=0), Runner(tflite, runtime="reference").predict(x)
    near = (np.abs(a - b) <= 1.01 * tflite.outputs[0].scale).mean()
    return f"all integer, {near:.1%} within one step" if not gaps else f"float: {', '.join(gaps)}"


def tfmot(name, size):
    import tensorflow_model_optimization as mot
    import tf_keras

    model = getattr(tf_keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    try:
        mot.quantization.keras.quantize_model(model)
    except Exception as error:
        return "refused: " + str(error).split(". ")[0].replace("\n", " ")[:80]
    return "accepted"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="*", default=[])
    arguments.add_argument("--without-tfmot", action="store_true")
    options = arguments.parse_args()
    print("| model | tfcompress | TF-MOT |\n|---|---|---|", flush=True)
    for name in options.names or SIZES:
        try:
            result = ours(name, SIZES[name])
        except TfcompressError as error:
            result = f"{type(error).__name__}: {error}"
        other = "" if options.without_tfmot else tfmot(name, SIZES[name])
        print(f"| {name} | {result} | {other} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
