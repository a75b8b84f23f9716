"""Which channels go together, told from models small enough to know the answer."""

import numpy as np
import pytest

from tests.models import nested, small_cnn
from tfcompress import ModelError, SelectionError, channel_graph


def groups(model, **kwargs):
    """The layers that make each group's channels, with their number."""
    graph = channel_graph(model, **{"keep_first": False, **kwargs})
    return {tuple(sorted(each.layers("out"))): len(each.channels) for each in graph.groups}


def image_model(k, *layers):
    return k.Sequential([k.layers.Input((8, 8, 4)), *layers])


def test_it_prints_who_makes_scales_and_reads(k):
    text = str(channel_graph(small_cnn(k), keep_first=False))
    assert text.splitlines()[0] == "channels that may go: 8, groups that go together: 1"
    assert text.splitlines()[2].split() == ["8", "conv", "norm,", "depthwise", "digit"]
    assert "digit  the activation 'softmax' of digit" in text


def test_a_residual_sum_ties_layers_across_nested_models(k):
    assert groups(nested(k)) == {("inner/deep", "stem"): 4}


def test_first_layers_stay_unless_asked(k):
    graph = channel_graph(nested(k))
    assert not graph.groups
    assert "first layer" in graph.kept["stem"]
    assert "first layer" in graph.kept["inner/deep"]


def test_a_concatenation_keeps_its_parts_apart(k):
    layers = k.layers
    image = layers.Input((8, 8, 3))
    one, two = layers.Conv2D(4, 1, name="one")(image), layers.Conv2D(6, 1, name="two")(image)
    both = layers.Concatenate()([one, two, image])
    model = k.Model(image, layers.Conv2D(2, 1, name="last")(both))
    assert groups(model) == {("one",): 4, ("two",): 6}


def test_a_sum_with_a_concatenation_splits_a_layer_in_two_groups(k):
    layers = k.layers
    image = layers.Input((8, 8, 3))
    one, two = layers.Conv2D(4, 1, name="one")(image), layers.Conv2D(6, 1, name="two")(image)
    total = layers.Add()([layers.Concatenate()([one, two]), layers.Conv2D(10, 1, name="ten")(image)])
    model = k.Model(image, layers.Conv2D(2, 1)(total))
    assert groups(model) == {("one", "ten"): 4, ("ten", "two"): 6}


@pytest.mark.parametrize("shaped", [True, False])
def test_squeeze_and_excite_goes_with_what_it_scales(k, shaped):
    layers = k.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 1, name="conv")(image)
    gate = layers.GlobalAveragePooling2D(keepdims=shaped)(x)
    make = layers.Conv2D if shaped else (lambda size, _, **kwargs: layers.Dense(size, **kwargs))
    gate = make(8, 1, activation="sigmoid", name="up")(make(4, 1, activation="relu", name="down")(gate))
    gate = gate if shaped else layers.Reshape((1, 1, 8))(gate)
    model = k.Model(image, layers.Conv2D(2, 1)(layers.Multiply()([x, gate])))
    assert groups(model) == {("conv", "up"): 8, ("down",): 4}


def test_a_mask_of_one_channel_is_no_channel_of_what_it_masks(k):
    layers = k.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 1, name="conv")(image)
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x)
    graph = channel_graph(k.Model(image, layers.Conv2D(2, 1)(layers.Multiply()([x, mask]))), keep_first=False)
    assert [each.layers("out") for each in graph.groups] == [["conv"]]
    assert "repeats it" in graph.kept["mask"]


def test_grouped_convolutions_lose_whole_groups_or_the_same_places_of_each(k):
    layers = k.layers
    whole = image_model(k, layers.Conv2D(8, 1), layers.Conv2D(16, 3, groups=8), layers.Conv2D(2, 1))
    assert list(groups(whole).values()) == [8]
    places = image_model(k, layers.Conv2D(8, 1), layers.Conv2D(16, 3, groups=2), layers.Conv2D(2, 1))
    assert sorted(groups(places).values()) == [4, 8]


def test_softmax_over_channels_keeps_them(k):
    layers = k.layers
    model = image_model(k, layers.Conv2D(8, 1, name="conv"), layers.Softmax(name="soft"), layers.Conv2D(2, 1))
    assert "soft" in channel_graph(model, keep_first=False).kept["conv"]


def test_heads_of_attention_go_whole(k):
    layers = k.layers
    tokens = layers.Input((5, 6))
    x = layers.Dense(6, name="embed")(tokens)
    y = layers.MultiHeadAttention(3, 4, name="attend")(x, x)
    model = k.Model(tokens, layers.Dense(2)(layers.LayerNormalization(name="norm")(layers.Add()([x, y]))))
    graph = channel_graph(model, keep_first=False)
    assert sorted(len(each.channels) for each in graph.groups) == [3, 6]
    (inexact,) = [each.inexact for each in graph.groups if each.inexact]
    assert "norm" in inexact


def test_what_cannot_be_followed_is_kept_and_listed(k):
    class Mine(k.layers.Layer):
        def call(self, x):
            return x[..., ::-1]

        def compute_output_shape(self, shape):
            return shape

    layers = k.layers
    model = image_model(
        k, layers.Conv2D(8, 1, name="conv"), Mine(name="mine"), layers.Conv2D(6, 1, name="free"), layers.Conv2D(2, 1)
    )
    graph = channel_graph(model, keep_first=False)
    assert graph.unknown == {"mine": "Mine"}
    assert graph.kept["conv"] == "mine (Mine)"
    assert [each.layers("out") for each in graph.groups] == [["free"]]


def test_a_constant_for_each_channel_keeps_them(k):
    layers = k.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 1, name="conv")(image) * np.arange(4, dtype="float32")
    model = k.Model(image, layers.Conv2D(2, 1)(x))
    assert "channels stay" in channel_graph(model, keep_first=False).kept["conv"]


def test_excluded_layers_stay(k):
    layers = k.layers
    model = image_model(k, layers.Conv2D(8, 1, name="a"), layers.Conv2D(6, 1, name="b"), layers.Conv2D(2, 1))
    assert groups(model, exclude="a") == {("b",): 6}
    with pytest.raises(SelectionError, match="'z'"):
        channel_graph(model, exclude="z")


def test_a_subclassed_model_is_told_what_to_do(k):
    class Mine(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Mine()
    model(np.zeros((1, 4), "float32"))
    with pytest.raises(ModelError, match=r"subclassed model.*keras\.Model\(inputs"):
        channel_graph(model)
