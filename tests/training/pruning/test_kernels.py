"""Kernels wherever they are: in every kind of layer, nested, shared, subclassed, custom, frozen."""

import numpy as np
import pytest

import tfcompress
from tfcompress.training.pruning.kernels import choose, fold_of, kernels_of


def paths(model, include=None, exclude=None):
    return [kernel.path for kernel in choose(model, include, exclude)]


def one(k, layer, shape):
    inputs = k.Input(shape)
    model = k.Model(inputs, layer(inputs))
    return {kernel.path: kernel for kernel in kernels_of(model)}


@pytest.mark.parametrize(
    ("kind", "arguments", "shape", "expected"),
    [
        ("Dense", (5,), (4,), {"x/kernel": (5, 4)}),
        ("Conv1D", (5, 3), (8, 4), {"x/kernel": (5, 12)}),
        ("Conv2D", (5, 3), (8, 8, 4), {"x/kernel": (5, 36)}),
        ("Conv3D", (5, 2), (8, 8, 8, 4), {"x/kernel": (5, 32)}),
        ("Conv2DTranspose", (5, 3), (8, 8, 4), {"x/kernel": (5, 36)}),
        ("DepthwiseConv2D", (3,), (8, 8, 4), {"x/kernel": (9, 4)}),
        ("DepthwiseConv1D", (3,), (8, 4), {"x/kernel": (3, 4)}),
        ("SeparableConv2D", (5, 3), (8, 8, 4), {"x/depthwise_kernel": (9, 4), "x/pointwise_kernel": (5, 4)}),
        ("Embedding", (7, 6), (3,), {"x/embeddings": (7, 6)}),
        ("LSTM", (2,), (3, 4), {"x/lstm_cell/kernel": (8, 4), "x/lstm_cell/recurrent_kernel": (8, 2)}),
        ("GRU", (2,), (3, 4), {"x/gru_cell/kernel": (6, 4), "x/gru_cell/recurrent_kernel": (6, 2)}),
    ],
)
def test_kernels_and_how_the_runtime_lays_them_out(k, kind, arguments, shape, expected):
    found = one(k, getattr(k.layers, kind)(*arguments, name="x"), shape)
    short = {path.replace("depthwise_kernel", "kernel") if len(found) == 1 else path: v for path, v in found.items()}
    assert {path: kernel.fold.matrix for path, kernel in short.items()} == expected
    assert {kernel.owner for kernel in found.values()} == {"x"}
    for kernel in found.values():
        value = np.random.default_rng(0).normal(size=kernel.fold.shape)
        np.testing.assert_array_equal(kernel.fold.unfold(kernel.fold.fold(value)), value)


def test_rows_of_einsum_dense_are_its_outputs(k):
    layer = k.layers.EinsumDense("abc,cde->abde", (None, 2, 5), name="x")
    (kernel,) = one(k, layer, (3, 4)).values()
    assert kernel.fold.matrix == (10, 4)


def test_a_row_of_a_folded_convolution_makes_one_output(rng):
    kernel = rng.normal(size=(3, 3, 4, 5))
    fold = fold_of(object(), "kernel", kernel.shape)
    np.testing.assert_array_equal(fold.fold(kernel)[2], kernel[..., 2].ravel())


def test_biases_and_normalisations_are_left_alone(k):
    model = k.Sequential(
        [
            k.Input((8, 8, 4)),
            k.layers.Conv2D(4, 3, name="conv"),
            k.layers.BatchNormalization(axis=[1, 2, 3]) if k.__name__ == "tf_keras" else k.layers.BatchNormalization(),
            k.layers.LayerNormalization(axis=[1, 2, 3]),
            k.layers.PReLU(),
        ]
    )
    assert paths(model) == ["conv/kernel"]


def test_attention_biases_of_two_axes_are_left_alone(k):
    inputs = k.Input((5, 8))
    outputs = k.layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    found = paths(k.Model(inputs, outputs))
    assert len(found) == 4
    assert not [path for path in found if "bias" in path]


def test_nested_and_shared_layers_count_once(k):
    shared = k.layers.Dense(4, name="shared")
    block = k.Sequential([k.Input((4,)), shared, k.layers.Dense(4, name="own")], name="block")
    inputs = k.Input((4,))
    model = k.Model(inputs, block(block(shared(inputs))))
    found = paths(model)
    assert len(found) == 2
    assert paths(model, include="own") == [path for path in found if "own" in path]


def test_subclassed_models_and_custom_layers(k):
    class Scale(k.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(name="table", shape=(shape[-1], 3))
            self.offset = self.add_weight(name="offset_bias", shape=(1, 3))
            super().build(shape)

        def call(self, x):
            return x @ self.kernel + self.offset

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = k.layers.Dense(4, name="first"), Scale(name="second")

        def call(self, x):
            return self.second(self.first(x))

    model = Net()
    model(np.ones((2, 5), "float32"))
    assert paths(model) == ["first/kernel", "second/table"]
    assert paths(model, exclude=Scale) == ["first/kernel"]


def test_frozen_kernels_are_counted_but_not_chosen(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(4, name="a", trainable=False), k.layers.Dense(4, name="b")])
    assert paths(model) == ["b/kernel"]
    assert [kernel.path for kernel in kernels_of(model)] == ["a/kernel", "b/kernel"]
    with pytest.raises(tfcompress.SelectionError, match="frozen: a/kernel"):
        choose(model, include="a")


def test_include_and_exclude(k):
    model = k.Sequential([k.Input((4,)), *(k.layers.Dense(4, name=name) for name in ("d1", "d2", "out"))])
    assert paths(model, include="d*") == ["d1/kernel", "d2/kernel"]
    assert paths(model, exclude=["out", "d2"]) == ["d1/kernel"]
    assert paths(model, include=k.layers.Dense) == ["d1/kernel", "d2/kernel", "out/kernel"]
    assert paths(model, include=lambda layer: layer.name.endswith("2")) == ["d2/kernel"]
    with pytest.raises(tfcompress.SelectionError, match="d1, d2, out"):
        choose(model, include="nope")
