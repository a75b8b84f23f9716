"""TF-MOT's own engine for tf_keras models; the only file that touches TF-MOT.

In: a tf_keras model. Out: the same with TF-MOT's wrappers, its callbacks, or the model without wrappers, verified.
TF-MOT is imported when a function is called, and the environment variable that its import sets is put back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Mapping
from typing import Any

import numpy as np

from tfcompress.console import say
from tfcompress.errors import MissingPackageError, ModelError, PruningError
from tfcompress.keras_compat import model_view
from tfcompress.keras_compat.graph_nodes import is_input
from tfcompress.model_files.load_keras import as_model
from tfcompress.training.pruning.schedules import ConstantSparsity, PolynomialDecay
from tfcompress.typing import KerasModel, StrPath, TrainableModel

_VARIABLE = "TF_USE_LEGACY_KERAS"
_WRAPPERS = ("QuantizeLayer", "QuantizeWrapper", "PruneLowMagnitude")


def prune(
    model: KerasModel | StrPath, schedule: PolynomialDecay | ConstantSparsity | Callable[..., Any]
) -> TrainableModel:
    """Wrap the prunable layers of a tf_keras model with `prune_low_magnitude`.

    Args:
        model: A built Sequential or functional tf_keras model. Wrap first, then compile.
        schedule: A schedule of tfcompress, or one of TF-MOT's own.

    Returns:
        A new model with wrappers; train it with `callbacks()`, then call `strip`.

    Raises:
        ModelError: the model is not of tf_keras, or TF-MOT cannot wrap it.
        MissingPackageError: TF-MOT is not installed.

    Example:
        >>> import tf_keras
        >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)])
        >>> wrapped = prune(model, PolynomialDecay(0, 0.5, 0, 100))
    """
    model = _tf_keras_model(model)
    engine = _tfmot().sparsity.keras
    if isinstance(schedule, PolynomialDecay):
        schedule = engine.PolynomialDecay(
            schedule.initial_sparsity,
            schedule.final_sparsity,
            schedule.begin_step,
            schedule.end_step,
            power=schedule.power,
            frequency=schedule.frequency,
        )
    elif isinstance(schedule, ConstantSparsity):
        schedule = engine.ConstantSparsity(
            schedule.target_sparsity, schedule.begin_step, schedule.end_step, schedule.frequency
        )
    try:
        return engine.prune_low_magnitude(model, pruning_schedule=schedule)
    except ValueError as error:
        raise ModelError(
            "TF-MOT must be able to wrap every layer with weights.",
            received=str(error),
            hint="tfcompress.MagnitudePruning needs no wrappers and takes any layer.",
        ) from error


def callbacks(log_dir: StrPath | None = None) -> list[Any]:
    """Return the callbacks that a model of `prune` trains with.

    Args:
        log_dir: Where TF-MOT writes its summaries. Default: nowhere.

    Raises:
        MissingPackageError: TF-MOT is not installed.

    Example:
        >>> len(callbacks())
        1
    """
    engine = _tfmot().sparsity.keras
    return [
        engine.UpdatePruningStep(),
        *([] if log_dir is None else [engine.PruningSummaries(log_dir=str(log_dir))]),
    ]


def strip(model: KerasModel | StrPath) -> TrainableModel:
    """Take TF-MOT's wrappers off, after the masks are applied again and verified.

    `strip_pruning` alone leaves weights as the last step left them: dense, where a step came after the callback.

    Args:
        model: A model of `prune`.

    Returns:
        An ordinary tf_keras model.

    Raises:
        ModelError: the model is not of tf_keras, or has no wrappers.
        PruningError: a weight that its mask marks is not zero in the result.

    Example:
        >>> import tf_keras
        >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)])
        >>> stripped = strip(prune(model, PolynomialDecay(0, 0.5, 0, 100)))
    """
    model = _tf_keras_model(model)
    engine = _tfmot().sparsity.keras
    wrapped = [layer for _, layer in model_view.layers(model) if hasattr(layer, "pruning_vars")]
    if not wrapped:
        raise ModelError(
            "The model must have TF-MOT's pruning wrappers.",
            received=f"the model {model.name!r} without any",
            hint="Wrap it with tfcompress.tfmot.prune(model, schedule) and train it first.",
        )
    expected: dict[str, int] = {}
    for layer in wrapped:
        for weight, mask, _ in layer.pruning_vars:
            keep = mask.numpy() != 0
            weight.assign(np.where(keep, weight.numpy(), 0))
            expected[weight.name] = int((~keep).sum())
    stripped = engine.strip_pruning(model)
    zeros = {weight.name: int((weight.numpy() == 0).sum()) for weight in stripped.weights}
    lost = {name: count for name, count in expected.items() if zeros.get(name, 0) < count}
    if lost:
        raise PruningError("Every masked weight must be zero after stripping.", received=f"too few zeros in {lost}")
    return stripped


def quantize_aware(model: KerasModel | StrPath) -> TrainableModel:
    """Make a tf_keras model quantization-aware with TF-MOT's engine, layer by layer.

    `quantize_model` refuses a whole model for one layer that it does not know. Here such layers stay float, and a
    message lists them.

    Args:
        model: A built Sequential or functional tf_keras model without models inside it; it is not changed.

    Returns:
        A new model, to be compiled and trained; `tfcompress.convert` wants samples for it where layers stay float.

    Raises:
        ModelError: the model is not of tf_keras, or TF-MOT cannot take any of its layers.
        MissingPackageError: TF-MOT is not installed.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018.

    Example:
        >>> import tf_keras
        >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)])
        >>> trained_quantized = quantize_aware(model)
    """
    model = _tf_keras_model(model)
    chosen = {layer.name for layer in model.layers if not is_input(layer)}
    left: list[str] = []
    while chosen:
        try:
            made = _quantized(model, chosen)
        except Exception as error:  # TF-MOT refuses in many ways; most name the layer
            refused = [name for name in chosen if re.search(rf'[Ll]ayer "?{re.escape(name)}[":]', str(error))]
            if not refused:
                raise _refusal(" ".join(str(error).split())[:300]) from error
            left += refused
            chosen -= {*refused}
            continue
        if left:
            say(f"TF-MOT leaves these layers in float: {', '.join(left)}.")
        return made
    raise _refusal(f"{model.name!r} with {', '.join(left)}, none of which it takes")


def saved_classes() -> dict[str, Any]:
    """Return the classes that TF-MOT's wrapped models name in a file, by name."""
    engine = _tfmot()
    sparsity = engine.sparsity.keras
    scopes = (
        engine.quantization.keras.quantize_scope(),
        sparsity.prune_scope(),
        engine.clustering.keras.cluster_scope(),
    )
    found = {name: value for scope in scopes for objects in scope.custom_objects for name, value in objects.items()}
    found |= {
        value.__name__: value for value in found["ClusterWeights"].__subclasses__()
    }  # which no scope of TF-MOT has
    found |= {"ConstantSparsity": sparsity.ConstantSparsity, "PolynomialDecay": sparsity.PolynomialDecay}
    return {name: _built_once(value) if name.startswith(_WRAPPERS) else value for name, value in found.items()}


def _built_once(wrapper: type) -> type:
    """Return a wrapper that a `.keras` file does not build before its first call, which would build it again."""
    members = {"build_from_config": lambda self, config: None, "__module__": wrapper.__module__}
    if wrapper.__name__.startswith("QuantizeWrapper"):
        members["load_own_variables"] = _load_own_variables
    return type(wrapper.__name__, (wrapper,), members)


def _load_own_variables(wrapper: Any, store: Mapping[str, Any]) -> None:
    """Load the variables of a `QuantizeWrapper` out of a `.keras` file.

    Around a layer that is built already a wrapper counts the layer's weights as its own, in front of the others: such
    a file has more variables than the wrapper that loads it, or fewer. They are the layer's to load.
    """
    own = wrapper._trainable_weights + wrapper._non_trainable_weights
    quantized = [weight for weight, *_ in wrapper._weight_vars]
    of_the_layer = {id(weight) for weight in (*quantized, *wrapper.layer.weights) if weight.trainable}
    if abs(len(own) - len(store)) not in (0, len(of_the_layer)):
        raise ValueError(f"The layer {wrapper.name!r} has {len(own)} variables, and {len(store)} in the file.")
    for back in range(1, min(len(own), len(store)) + 1):
        own[-back].assign(store[str(len(store) - back)])


def _quantized(model: Any, chosen: Container[str]) -> Any:
    """Let TF-MOT quantize a copy of a model, the chosen layers only."""
    engine, keras = _tfmot().quantization.keras, model_view.keras_of(model)

    def annotated(layer: Any) -> Any:
        return engine.quantize_annotate_layer(layer) if layer.name in chosen else layer

    with engine.quantize_scope():
        twin = keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
        return engine.quantize_apply(keras.models.clone_model(twin, clone_function=annotated))


def _refusal(received: str) -> ModelError:
    return ModelError(
        "TF-MOT must be able to quantize the model.",
        received=received,
        hint="tfcompress.quantize_aware takes these models and layers.",
    )


def _tf_keras_model(model: KerasModel | StrPath) -> KerasModel:
    model = as_model(model)
    if model_view.flavour(model) != "tf_keras":
        raise ModelError(
            "TF-MOT takes tf_keras models only.",
            received=f"the Keras 3 model {model.name!r}",
            hint="Use tfcompress.MagnitudePruning, which takes both.",
        )
    return model


def _tfmot() -> Any:
    """Import TF-MOT, and put back the environment variable that its import sets."""
    before = os.environ.get(_VARIABLE)
    try:
        import tensorflow_model_optimization
    except ImportError as error:
        raise MissingPackageError(
            "TF-MOT must be installed.",
            received=str(error),
            hint='pip install "tensorflow-model-optimization>=0.8.1,<0.9" tf-keras',
        ) from error
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
    return tensorflow_model_optimization
