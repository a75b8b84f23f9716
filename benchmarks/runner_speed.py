"""How quickly `Runner.predict` runs int8 files, beside the machine's limit and beside the loop of the tutorials.

The limit is the number of cores times the rate of bare single-thread `invoke` calls on the same file. All three are
measured in turn, round after round, and the ratios are medians over rounds.

    python -m benchmarks.runner_speed [DATA MODEL]

MobileNetV2 on random images, and with DATA and MODEL ResNet-8 on CIFAR-10 stored as JPEG.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import tfcompress
from benchmarks import cifar10
from benchmarks.record import Record
from tfcompress.cpu_cores import cores

ROUNDS = 9
SECONDS = 1.0
"""What a bare round takes."""


def bare(tflite: tfcompress.TFLiteModel) -> Callable[[], float]:
    """Invoke on one thread, again and again, with nothing around it; returns samples a second."""
    interpreter = Interpreter(model_content=tflite.content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()

    def rate() -> float:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            interpreter.invoke()
            count += 1
        return count / (time.perf_counter() - start)

    return rate


def tutorial(tflite: tfcompress.TFLiteModel, x: np.ndarray) -> np.ndarray:
    """The loop that is pasted everywhere, with its cast put right: one image at a time, default threads."""
    interpreter = Interpreter(model_content=tflite.content)
    interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = given["quantization"]
    out_scale, out_zero_point = found["quantization"]
    answers = []
    for image in x:
        raw = np.clip(np.round(image / scale + zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], np.expand_dims(raw, 0))
        interpreter.invoke()
        raw = interpreter.get_tensor(found["index"])[0]
        answers.append((raw.astype(np.float32) - out_zero_point) * out_scale)
    return np.array(answers)


def measure(record: Record, name: str, tflite: tfcompress.TFLiteModel, x: np.ndarray) -> None:
    """Measure one file and keep the row."""
    bare_rate = bare(tflite)
    step = 1.01 * (tflite.outputs[0].scale or 0)
    if np.abs(tutorial(tflite, x[:50]) - tfcompress.Runner(tflite).predict(x[:50])).max() > step:
        raise SystemExit("the two do not compute the same")
    rounds = []
    for _ in range(ROUNDS):
        limit = cores() * bare_rate()
        start = time.perf_counter()
        tfcompress.Runner(tflite).predict(x)  # with what is measured at its start
        ours = len(x) / (time.perf_counter() - start)
        part = x[: len(x) // 4]
        start = time.perf_counter()
        tutorial(tflite, part)
        loop = len(part) / (time.perf_counter() - start)
        rounds.append((limit, ours, loop))
    limits, ours, loops = zip(*rounds, strict=True)
    record.add(
        model=name,
        samples=len(x),
        limit_per_second=round(median(limits)),
        runner_per_second=round(median(ours)),
        tutorial_per_second=round(median(loops)),
        runner_to_limit=round(median(b / a for a, b, _ in rounds), 3),
        runner_to_tutorial=round(median(b / c for _, b, c in rounds), 3),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the folder with cifar10_jpeg_test.npz")
    parser.add_argument("model", type=Path, nargs="?", help="resnet8_cifar10_jpeg.keras")
    arguments = parser.parse_args()
    record = Record("runner_speed", "model")
    if arguments.model:
        x = cifar10.images(arguments.data, "test")[0].astype("float32")
        tflite = tfcompress.convert(tfcompress.load_keras(arguments.model), samples=x[:300])
        measure(record, "ResNet-8, 32×32, int8", tflite, np.tile(x, (8, 1, 1, 1)))  # two seconds
    rng = np.random.default_rng(0)
    x = rng.random((2000, 224, 224, 3), dtype=np.float32)
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None)
    measure(record, "MobileNetV2, 224×224, int8", tfcompress.convert(model, samples=x[:60]), x)


if __name__ == "__main__":
    main()
