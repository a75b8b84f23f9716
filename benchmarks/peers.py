"""The other tools a user would pick, each as its documentation shows it: a task in, a .tflite out."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
import tf_keras

from benchmarks.calibration_cost import theirs
from benchmarks.tasks import Task, twin
from tfcompress import PolynomialDecay, tfmot


def tflite_converter(task: Task) -> bytes:
    """Post-training int8 of `tf.lite.TFLiteConverter`."""
    return theirs(task.model(), task.samples)


def ai_edge_quantizer(task: Task) -> bytes:
    """Post-training int8 of ai-edge-quantizer, recipe `static_wi8_ai8`."""
    from ai_edge_quantizer import quantizer, recipe

    with contextlib.redirect_stdout(sys.stderr):
        floats = tf.lite.TFLiteConverter.from_keras_model(task.model()).convert()
    made = quantizer.Quantizer(bytes(floats), recipe.static_wi8_ai8())
    (name,) = made_inputs(floats)
    data = {"serving_default": [{name: sample[None]} for sample in task.samples]}
    return bytes(made.quantize(made.calibrate(data)).quantized_model)


def made_inputs(tflite: bytes) -> list[str]:
    """Return the input names of a file's signature."""
    from ai_edge_litert.interpreter import Interpreter

    return [*Interpreter(model_content=tflite).get_signature_runner("serving_default").get_input_details()]


def keras_quantize(task: Task) -> bytes:
    """Keras' own `model.quantize("int8")` and `model.export(format="litert")`."""
    model = task.model()
    model.quantize("int8")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        model.export(Path(folder) / "m.tflite", format="litert")
        return (Path(folder) / "m.tflite").read_bytes()


def tfmot_quantize(task: Task) -> bytes:
    """TF-MOT's `quantize_model`, trained, then TFLiteConverter."""
    from tensorflow_model_optimization.quantization.keras import quantize_model

    model = quantize_model(twin(task.model()))
    task.fit(tf_keras, model, "quantize")
    return theirs(model, task.samples)


def tfmot_prune(sparsity: float) -> Callable[[Task], bytes]:
    """TF-MOT's `prune_low_magnitude` to that sparsity, then TFLiteConverter."""

    def prune(task: Task) -> bytes:
        model = tfmot.prune(twin(task.model()), schedule_of(task, sparsity))
        task.fit(tf_keras, model, "prune", tfmot.callbacks())
        return theirs(tfmot.strip(model), task.samples)

    return prune


def schedule_of(task: Task, sparsity: float) -> PolynomialDecay:
    """Return the schedule that all tools prune by: two thirds of the steps, 31 updates."""
    end = task.steps("prune") * 2 // 3
    return PolynomialDecay(0.0, sparsity, 0, end, frequency=max(1, end // 31))


WAYS: dict[tuple[str, str], Callable[[Task], bytes]] = {
    ("TFLiteConverter", "int8 after training"): tflite_converter,
    ("ai-edge-quantizer", "int8 after training"): ai_edge_quantizer,
    ("Keras", 'quantize("int8"), export'): keras_quantize,
    ("TF-MOT", "int8 trained"): tfmot_quantize,
    **{("TF-MOT", f"{share:.0%} zeros, int8"): tfmot_prune(share) for share in (0.5, 0.8, 0.9)},
}
