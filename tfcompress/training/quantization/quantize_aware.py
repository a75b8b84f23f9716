"""Quantization-aware training: a trained model in, the same model on int8 grids out, and the way back.

In: a model of either Keras. Out: a Keras model of the same flavour, weights copied, ready for `fit`; after training
`tfcompress.convert` needs no samples for it.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol, get_args

from tfcompress.console import say
from tfcompress.data.data_forms import Data
from tfcompress.errors import ModelError, QuantizationError, SettingError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.copying import computes_in_half, copied
from tfcompress.keras_compat.custom_model_class import warn_of_lost_steps
from tfcompress.keras_compat.graph_nodes import graph_of, is_input
from tfcompress.keras_compat.keras_quantized import require_float_weights
from tfcompress.keras_compat.tfmot_layers import require_stripped
from tfcompress.keras_compat.traceable_names import require_traceable_names
from tfcompress.layers.catalogue import layer_spec
from tfcompress.model_files.load_keras import as_model
from tfcompress.network_ends import tell_kept
from tfcompress.old_spellings import tells_old_keywords
from tfcompress.selection import Patterns, found, select
from tfcompress.training.compile_like import compile_like
from tfcompress.training.distillation import distill as teach
from tfcompress.training.float_graph import functional
from tfcompress.training.lora import require_merged
from tfcompress.training.quantization.cluster_preservation import keep_clusters
from tfcompress.training.quantization.quantization_aware_model import assemble, steps
from tfcompress.training.quantization.quantization_report import QuantizationReport
from tfcompress.training.quantization.range_initialization import initialize_ranges
from tfcompress.training.quantization.sparsity_preservation import keep_zeros
from tfcompress.typing import KerasModel, StrPath, TrainableModel

Trained = Literal["int8", "int8x4"]
TRAINED = get_args(Trained)


class QuantizedTrainingModel(TrainableModel, Protocol):
    """A model that trains on int8 grids, and the table of its layers."""

    @property
    def quantization(self) -> QuantizationReport: ...


@tells_old_keywords
def quantize_aware(
    model: KerasModel | StrPath,
    quantization: Trained = "int8",
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    keep_int8: Patterns = None,
    strict: bool = False,
    samples: Data | None = None,
    distill: KerasModel | StrPath | bool | None = None,
) -> QuantizedTrainingModel:
    """Return a copy of a model that trains as it will run in int8.

    Zeros that pruning has left in kernels stay zero while the result trains, and the few values that clustering has
    left stay few, in the file too. Weights are rounded for each channel, in a clustered kernel with one scale for all,
    activations where the converter puts an int8 tensor (Jacob et al. 2018, "Quantization and Training of Neural
    Networks for Efficient Integer-Arithmetic-Only Inference"). Print `result.quantization` for the table of layers.

    Args:
        model: A built model of Keras 3 or tf_keras, or the path of its file; it is not changed.
        quantization: "int8": kernels of 8 bits. "int8x4": kernels of four bits in convolutions and dense layers, with
            steps that are learned (Esser et al., "Learned Step Size Quantization", ICLR 2020).
        include: Layers to quantize, by name, path, glob, class or function. Default: all.
        exclude: Layers to train in float.
        keep_int8: Layers of an "int8x4" model whose kernels keep 8 bits; [] for none. Default: the first and the last
            layers with kernels, and depthwise kernels.
        strict: Raise where a layer has to stay float, instead of listing it in the table.
        samples: Typical inputs, on which ranges are measured before training; an array of shape (samples, …), a
            dict by input name, a dataset, a generator or a path. 1,000 are read for the ranges inside the model, and
            all of arrays, folders and datasets of known size for those of its inputs and outputs. Default: the first
            batches of training.
        distill: True to learn from the float model as well, or another model to learn from, or its path; then `fit`
            needs no labels.

    Raises:
        ModelError: no built Keras model on TensorFlow, or one that is quantization-aware already.
        QuantizationError: no layer can be quantized, or with `strict` one cannot.
        SelectionError: a pattern matches no layer.
        DataError: samples do not fit the inputs.

    Example:
        >>> qat_model = tfcompress.quantize_aware(model)
        >>> qat_model.compile("adam", "sparse_categorical_crossentropy")
        >>> history = qat_model.fit(x_train, y_train, verbose=0)
        >>> print(tfcompress.convert(qat_model).inputs[0])
        image: (1, 8, 8, 1) int8
    """
    if quantization not in TRAINED:
        raise SettingError(
            f"Quantization-aware training is for {' and '.join(map(repr, TRAINED))}.",
            received=f"quantization={quantization!r}",
            hint="Use convert for the other kinds.",
        )
    if keep_int8 and quantization != "int8x4":
        raise SettingError("keep_int8 goes with 'int8x4'.", received=f"quantization={quantization!r}")
    model = as_model(model)
    flavour = model_view.flavour(model)
    model_view.require_built(model)
    require_float_weights(model)
    require_stripped(model)
    require_merged(model)
    require_traceable_names(model, layers_alone=True)
    if hasattr(model, "origin"):
        raise ModelError(
            "The model must be a float model.",
            received=f"{model.name!r}, which is quantization-aware already",
            hint="Go on training it, or take its float model with tfcompress.strip_quantization(model).",
        )
    pairs = [(path, layer) for path, layer in model_view.layers(model) if not is_input(layer)]
    chosen = select(pairs, include, exclude)
    dropped = {path for path, _ in pairs} - chosen
    if include is not None:  # the parts of a layer that is meant are meant too
        dropped = {path for path in dropped if not any(path.startswith(parent + "/") for parent in chosen)}
    float_model = copied(model if graph_of(model) else functional(model), float32=True)
    if computes_in_half(model):
        say(f"{model.name} computes in half precision; its quantization-aware twin computes in float32.")
    eight = None if keep_int8 is None else found(keep_int8, pairs, "keep_int8")
    result = assemble(_model_class(flavour), float_model, dropped, model.name, scheme=quantization, keep_int8=eight)
    if quantization == "int8x4" and not result.origin.int4_kernels:
        raise QuantizationError(
            "A model with kernels of four bits needs a convolution or a dense layer that may have them.",
            received=_listed(result.quantization.rows),
            hint="First, last and depthwise layers keep 8 bits unless keep_int8=[…] says which do; keep_int8=[] for "
            'none. Or ask for "int8".',
        )
    if quantization == "int8x4" and keep_int8 is None:
        _tell_eight_bits(result)
    gaps = [row for row in result.quantization.gaps if row.path not in dropped]
    if len(result.quantization.gaps) == len(result.quantization.rows):
        raise QuantizationError(
            "At least one layer must be quantizable.",
            received=_listed(result.quantization.gaps),
        )
    if strict and gaps:
        raise QuantizationError(
            "With strict=True every selected layer must be quantizable.",
            received=_listed(gaps),
            hint="Exclude them, or give a custom layer the method int8_call.",
        )
    if samples is not None:
        initialize_ranges(result, samples)
    if distill is not None and distill is not False:
        teach(result, model if distill is True else distill)
    keep_zeros(result)
    keep_clusters(result)
    compile_like(result, model)
    warn_of_lost_steps(model, result, "the quantization-aware model")
    return result


def strip_quantization(model: KerasModel | StrPath) -> TrainableModel:
    """Return the plain float model of a quantization-aware one, as it was before, with the weights of now.

    Raises:
        ModelError: the model is not quantization-aware.

    Example:
        >>> strip_quantization(quantize_aware(model, samples=x_train)).name
        'small'
    """
    model = as_model(model)
    if not hasattr(model, "origin"):
        raise ModelError(
            "A quantization-aware model is needed.", received=f"{getattr(model, 'name', model)!r}, which is not one"
        )
    plain = copied(model.origin.float_model)
    warn_of_lost_steps(model, plain, "the float model")
    return plain


def _tell_eight_bits(model: Any) -> None:
    """Say which layers keep 8 bits that could have four, where they hold much of a model."""
    sizes: dict[tuple[int, str], int] = {}
    kept: dict[str, dict[tuple[int, str], int]] = {}
    for step in steps(model):
        layer = step.step_config.operation
        for name, layout in layer_spec(layer).kernels.items():
            if not hasattr(layer, name):
                continue
            key = (id(layer), name)
            sizes[key] = math.prod(getattr(layer, name).shape)
            if layout.int4_scales is not None and key not in model.origin.int4_kernels and not step.stays_float:
                kept.setdefault(step.stands_for, {})[key] = sizes[key]
    tell_kept({path: sum(found.values()) for path, found in kept.items()}, sum(sizes.values()))


def _listed(rows: Any) -> str:
    return "; ".join(f"{row.path} ({row.kind}): {row.scheme}" for row in rows)


def _model_class(flavour: str) -> type:
    if flavour == "keras":
        from tfcompress.training.quantization.keras3_model import QuantizationAwareModel

        return QuantizationAwareModel
    from tfcompress.training.quantization.tf_keras_model import QuantizationAwareModel as OlderModel

    return OlderModel
