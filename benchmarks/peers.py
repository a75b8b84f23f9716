"""The other tools a user would pick, as their documentation shows them: a Keras 3 model in, a .tflite out."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks.tasks import Task
from benchmarks.twin import twin
from tfcompress import PolynomialDecay, tfmot

MCT = Path(__file__).parent.parent / ".venv-mct/bin/python"
"""The environment of Sony's model_compression_toolkit: `make .venv-mct/ready`."""


def tflite_converter(model: Any, samples: np.ndarray) -> bytes:
    """Post-training int8 of `tf.lite.TFLiteConverter`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints what it exports
        return bytes(converter.convert())


def tflite_converter_int16(model: Any, samples: np.ndarray) -> bytes:
    """Post-training int16 activations and int8 weights of `tf.lite.TFLiteConverter`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int16
    with contextlib.redirect_stdout(sys.stderr):
        return bytes(converter.convert())


def litert_quantizer(model: keras.Model, samples: np.ndarray) -> bytes:
    """Post-training int8 of litert-quantizer on TFLiteConverter's float file."""
    with contextlib.redirect_stdout(sys.stderr):
        return quantized_file(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()), samples)


def quantized_file(floats: bytes, samples: np.ndarray) -> bytes:
    """litert-quantizer's recipe `static_wi8_ai8` on a float file of one input."""
    from ai_edge_litert.interpreter import Interpreter
    from litert_quantizer import quantizer, recipe

    made = quantizer.Quantizer(floats, recipe.static_wi8_ai8())
    (name,) = Interpreter(model_content=floats).get_signature_runner("serving_default").get_input_details()
    data = {"serving_default": [{name: sample[None]} for sample in samples]}
    return bytes(made.quantize(made.calibrate(data), enable_progress_report=False).quantized_model)


def keras_quantize(model: keras.Model, _: np.ndarray) -> bytes:
    """Keras' own `model.quantize("int8")` and `model.export(format="litert")`."""
    model.quantize("int8")
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        model.export(Path(folder) / "m.tflite", format="litert")
        return (Path(folder) / "m.tflite").read_bytes()


def sony_mct(model: keras.Model, samples: np.ndarray) -> bytes:
    """Post-training int8 of Sony's model_compression_toolkit, in its own environment."""
    if not MCT.exists():
        raise FileNotFoundError("model_compression_toolkit is not installed: make .venv-mct/ready")
    other = twin(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.json").write_text(other.to_json().replace(', "optional": false', ""))
        np.savez(folder / "weights.npz", *other.get_weights())
        np.save(folder / "samples.npy", samples)
        done = subprocess.run([MCT, Path(__file__).parent / "mct_child.py", folder], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        return (folder / "out.tflite").read_bytes()


def tfmot_quantized(model: tf_keras.Model) -> tf_keras.Model:
    """Return TF-MOT's `quantize_model` of a tf_keras model, to be trained."""
    from tensorflow_model_optimization.quantization.keras import quantize_model

    return quantize_model(model)


def tfmot_trained(task: Task) -> bytes:
    """TF-MOT's quantization-aware training, then TFLiteConverter."""
    model = tfmot_quantized(twin(task.model()))
    task.fit(tf_keras, model, "quantize")
    return tflite_converter(model, task.samples)


def tfmot_pruned(sparsity: float) -> Callable[[Task], bytes]:
    """TF-MOT's `prune_low_magnitude` to that sparsity, then TFLiteConverter."""

    def prune(task: Task) -> bytes:
        model = tfmot.prune(twin(task.model()), schedule_of(task, sparsity))
        task.fit(tf_keras, model, "prune", tfmot.callbacks())
        return tflite_converter(tfmot.strip(model), task.samples)

    return prune


def schedule_of(task: Task, sparsity: float) -> PolynomialDecay:
    """Return the schedule that all tools prune by: two thirds of the steps, 31 updates."""
    end = task.steps("prune") * 2 // 3
    return PolynomialDecay(0.0, sparsity, 0, end, frequency=max(1, end // 31))


AFTER_TRAINING: dict[str, Callable[[keras.Model, np.ndarray], bytes]] = {
    "TFLiteConverter": tflite_converter,
    "litert-quantizer": litert_quantizer,
    'Keras quantize("int8")': keras_quantize,
    "Sony MCT": sony_mct,
}


def _after_training(make: Callable[[keras.Model, np.ndarray], bytes]) -> Callable[[Task], bytes]:
    return lambda task: make(task.model(), task.samples)


WAYS: dict[tuple[str, str], Callable[[Task], bytes]] = {
    **{(tool, "int8 after training"): _after_training(make) for tool, make in AFTER_TRAINING.items()},
    ("TFLiteConverter", "int16x8 after training"): _after_training(tflite_converter_int16),
    ("TF-MOT", "int8 trained"): tfmot_trained,
    **{("TF-MOT", f"{share:.0%} zeros, int8"): tfmot_pruned(share) for share in (0.5, 0.7, 0.8, 0.9)},
}
