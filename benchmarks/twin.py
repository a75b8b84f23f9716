"""A Keras 3 model as one of tf_keras, for the tools that refuse Keras 3."""

from __future__ import annotations

import keras
import tf_keras

UNKNOWN = {"dtype", "quantization_config", "renorm", "lora_rank", "seed", "use_cudnn", "unroll"}
"""Settings of layers that tf_keras does not have, or that change nothing in inference."""


def twin(model: keras.Model) -> tf_keras.Model:
    """Return the same layers and weights in tf_keras."""
    if isinstance(model, keras.Sequential):
        made = tf_keras.Sequential([tf_keras.Input(model.input_shape[1:]), *map(_layer, model.layers)])
        return _with_weights(made, model)
    tensors = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.output.name] = tf_keras.Input(layer.batch_shape[1:])
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        values = [tensors[tensor.name] for tensor in given]
        tensors[layer.output.name] = _layer(layer)(values if len(values) > 1 else values[0])
    inputs, outputs = (tensors[t.name] for t in (model.inputs[0], model.outputs[0]))
    return _with_weights(tf_keras.Model(inputs, outputs), model)


def _layer(layer: keras.layers.Layer) -> tf_keras.layers.Layer:
    config = {k: v for k, v in layer.get_config().items() if not isinstance(v, dict) and k not in UNKNOWN}
    return getattr(tf_keras.layers, type(layer).__name__).from_config(config)


def _with_weights(made: tf_keras.Model, model: keras.Model) -> tf_keras.Model:
    ours, theirs = ([layer for layer in each.layers if layer.weights] for each in (model, made))
    for one, other in zip(ours, theirs, strict=True):
        # a Keras 3 layer may count the state of its random numbers among its weights
        other.set_weights([each.numpy() for each in one.weights if "seed" not in each.path.split("/")[-1]])
    return made
