"""What writes its results to memory, and that it counts when channels are chosen."""

import keras
import numpy as np
import pytest
import tf_keras

from tfcompress import channel_graph, convert, inspect, prune_channels
from tfcompress.layers.layer_spec import PLAIN_KERNEL as PLAIN
from tfcompress.training.channels.channel_cost import READ, WRITE, Cost
from tfcompress.training.channels.memory_traffic import writing
from tfcompress.training.float_graph import read


def mixed(k):
    layers, inputs = k.layers, k.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(inputs)
    x = layers.BatchNormalization(name="folded_norm")(x)
    x = layers.ReLU(name="fused")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = layers.Activation("tanh", name="gate")(y)
    z = layers.Multiply(name="product")([x, y])
    z = layers.Activation("relu", name="fused_too")(z)
    z = layers.Concatenate(name="both")([x, z])
    z = layers.BatchNormalization(name="norm")(z)
    z = layers.Dropout(0.1, name="dropout")(z)
    z = layers.GlobalAveragePooling2D(name="mean")(z)
    return k.Model(inputs, layers.Dense(2, name="last")(z))


@pytest.mark.parametrize("k", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_what_is_folded_writes_nothing(k):
    assert {*writing(read(mixed(k)))} == {"conv", "depthwise", "gate", "product", "both", "norm", "mean", "last"}


def test_the_file_has_an_operator_for_each_call_that_writes():
    model = mixed(keras)
    model.get_layer("norm").beta.assign(np.ones(8, "float32"))
    kinds = [row.name for row in inspect(convert(model, "float32")).rows]
    assert len(kinds) == len(writing(read(model))) + 1, "a norm that is not folded is a product and a sum"


def test_a_relu_of_a_tensor_that_others_read_writes():
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(4, 1, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Add(name="sum")([x, keras.layers.ReLU(name="relu")(x)]))
    assert {*writing(read(model))} == {"conv", "relu", "sum"}


def test_time_is_macs_writes_and_reads(monkeypatch):
    model = mixed(keras)
    graph = channel_graph(model, keep_first=False)
    none = np.zeros(len(graph.groups))
    macs, time = (Cost(graph, unit) for unit in ("macs", "time"))
    written = 8 * 8 * (4 + 5 * 4 + 4 + 4 + 8 + 8) + 8 + 2
    assert time.total(none) == macs.total(none) + WRITE * written, "depthwise ones five times"
    monkeypatch.setattr("tfcompress.training.channels.channel_cost.CACHE", 0)
    kernels = 3 * 3 * 3 * 4 + 3 * 3 * 4 + 8 * 2
    assert Cost(graph, "time").total(none) == time.total(none) + READ * kernels, "what the cache does not hold is read"


def test_of_equal_macs_those_go_first_that_write_more():
    inputs = keras.Input((16, 16, 8))
    wide = keras.layers.Conv2D(32, 1, use_bias=False, name="wide")(inputs)
    wide = keras.layers.AveragePooling2D(4)(keras.layers.Activation("tanh")(wide))
    deep = keras.layers.Conv2D(32, 4, strides=4, use_bias=False, name="deep")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Concatenate()([wide, deep])))
    for name in ("wide", "deep"):
        layer = model.get_layer(name)
        layer.kernel.assign(np.ones(layer.kernel.shape, "float32"))
    smaller = prune_channels(model, macs=0.7, round_to=2, keep_first=False)
    assert smaller.get_layer("wide").filters < smaller.get_layer("deep").filters


@pytest.mark.parametrize("k", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_what_plain_kernels_compute_counts_more(k):
    layers, inputs = k.layers, k.Input((8, 8, 3))
    x = layers.AveragePooling2D(2, name="pool")(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    last = layers.Dense(2, activation="softmax", name="last")(x)
    model = k.Model(inputs, [layers.Softmax(name="soft")(x), layers.Activation("tanh", name="tanh")(x), last])
    assert writing(read(model)) == {"conv": 1, "pool": PLAIN, "soft": PLAIN, "tanh": 1, "last": 1 + PLAIN}


def test_pools_of_other_forms_count_as_much_as_a_pool():
    if not hasattr(keras.layers, "AdaptiveAveragePooling2D"):
        pytest.skip("this Keras has no adaptive pooling")
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.AdaptiveAveragePooling2D(3, name="adaptive")(inputs)
    y = keras.ops.average_pool(inputs, 2)
    z = keras.layers.AdaptiveMaxPooling2D(3, name="largest")(inputs)
    found = writing(read(keras.Model(inputs, [x, y, z])))
    assert sorted(found.values()) == [1, PLAIN, PLAIN]


def test_a_separable_convolution_costs_what_its_two_halves_cost():
    inputs = keras.Input((8, 8, 3))
    whole = keras.Model(inputs, keras.layers.SeparableConv2D(64, 3, padding="same", name="both")(inputs))
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(inputs)
    halves = keras.Model(inputs, keras.layers.Conv2D(64, 1, name="pointwise")(x))
    one, two = (Cost(channel_graph(model), "time") for model in (whole, halves))
    assert one.total(np.zeros(len(one.graph.groups))) == two.total(np.zeros(len(two.graph.groups)))


def test_of_a_table_a_lookup_reads_a_few_rows():
    def widths(words):
        keras.utils.set_random_seed(0)
        x = inputs = keras.Input((16,))
        for layer in (keras.layers.Embedding(words, 64), keras.layers.Conv1D(64, 3), keras.layers.Conv1D(64, 3)):
            x = layer(x)
        model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
        model.layers[1].embeddings.assign(np.ones((words, 64), "float32"))
        smaller = prune_channels(model, macs=0.5, keep_first=False)
        return [layer.filters for layer in smaller.layers if hasattr(layer, "filters")]

    assert widths(50) == widths(50_000)
