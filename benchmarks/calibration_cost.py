"""How long do calibration and conversion take, against TFLiteConverter on the same samples, in one paired run?

    python -m benchmarks.calibration_cost --samples 500 --pairs 1

MobileNetV2 at 224×224 with random weights. Each pair runs both ways one after the other; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
import warnings

import keras
import numpy as np
import tensorflow as tf

import tfcompress


def theirs(model: keras.Model, samples: np.ndarray) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints what it exports
        return converter.convert()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None, input_shape=(224, 224, 3))
    samples = np.random.default_rng(0).random((arguments.samples, 224, 224, 3), dtype=np.float32)
    tfcompress.convert(model, "float32")  # both have TensorFlow loaded before the clock starts
    pairs = []
    for _ in range(arguments.pairs):
        seconds = []
        for run in (lambda: tfcompress.convert(model, samples=samples), lambda: theirs(model, samples)):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        pairs.append({"tfcompress": seconds[0], "TFLiteConverter": seconds[1], "ratio": seconds[0] / seconds[1]})
        print(json.dumps(pairs[-1]), flush=True)


if __name__ == "__main__":
    main()
