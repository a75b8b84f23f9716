"""The ways of tfcompress from a trained Keras 3 model to a .tflite."""

from __future__ import annotations

from collections.abc import Callable

import keras

import tfcompress
from benchmarks.peers import schedule_of
from benchmarks.tasks import Task
from tfcompress import MagnitudePruning, TFLiteModel, convert
from tfcompress.typing import Quantization


def floating(task: Task) -> TFLiteModel:
    """The model as it is."""
    return convert(task.model(), "float32")


def after_training(scheme: Quantization, recover: bool = False) -> Callable[[Task], TFLiteModel]:
    """By calibration; or with rounding that is learned from 1,000 inputs without labels."""

    def way(task: Task) -> TFLiteModel:
        kept = {"keep_int8": []} if scheme == "int8x4" else {}
        samples = task.drawn(1000) if recover else task.samples
        return convert(task.model(), scheme, samples=samples, recover=recover, **kept)

    return way


def trained(task: Task) -> TFLiteModel:
    """Int8 by quantization-aware training."""
    return convert(_quantized(task, task.model()))


def int4_trained(task: Task) -> TFLiteModel:
    """Weights of four bits by quantization-aware training with the float model as teacher."""
    qat_model = tfcompress.quantize_aware(task.model(), "int8x4", samples=task.samples, distill=True, keep_int8=[])
    task.fit(keras, qat_model, "int4")
    return convert(qat_model)


def pruned(sparsity: float, train_quantized: bool = False) -> Callable[[Task], TFLiteModel]:
    """That share of zeros, then int8 by calibration or by training."""

    def way(task: Task) -> TFLiteModel:
        model = task.model()
        task.fit(keras, model, "prune", [MagnitudePruning(schedule_of(task, sparsity))])
        if train_quantized:
            return convert(_quantized(task, model, [MagnitudePruning(sparsity)]))
        return convert(model, samples=task.samples)

    return way


def narrowed(macs: float, train_quantized: bool = False) -> Callable[[Task], TFLiteModel]:
    """That share of the MACs by fewer channels, with the float model as teacher, then int8 after or in training."""

    def way(task: Task) -> TFLiteModel:
        model = tfcompress.prune_channels(task.model(), macs=macs, round_to=4, keep_first=False)
        task.fit(keras, model, "channels", teacher=task.model())
        return convert(_quantized(task, model)) if train_quantized else convert(model, samples=task.samples)

    return way


def _quantized(task: Task, model: keras.Model, callbacks: list[MagnitudePruning] | None = None) -> keras.Model:
    qat_model = tfcompress.quantize_aware(model, samples=task.samples)
    task.fit(keras, qat_model, "quantize", callbacks or [])
    return qat_model


WAYS: dict[tuple[str, str], Callable[[Task], TFLiteModel]] = {
    ("tfcompress", "float"): floating,
    ("tfcompress", "int8 after training"): after_training("int8"),
    ("tfcompress", "int8 recovered"): after_training("int8", recover=True),
    ("tfcompress", "int8 trained"): trained,
    ("tfcompress", "int8x4 after training"): after_training("int8x4"),
    ("tfcompress", "int8x4 recovered"): after_training("int8x4", recover=True),
    ("tfcompress", "int8x4 trained"): int4_trained,
    ("tfcompress", "int16x8 after training"): after_training("int16x8"),
    **{("tfcompress", f"{share:.0%} zeros, int8"): pruned(share) for share in (0.5, 0.7, 0.8, 0.9)},
    ("tfcompress", "80% zeros, int8 trained"): pruned(0.8, train_quantized=True),
    **{("tfcompress", f"{share:.0%} of MACs, int8"): narrowed(share) for share in (0.75, 0.5, 0.35)},
    ("tfcompress", "50% of MACs, int8 trained"): narrowed(0.5, train_quantized=True),
}
