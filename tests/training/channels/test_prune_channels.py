"""What comes out of prune_channels: budgets that are met, ordinary models, reports, errors that say what to do."""

import subprocess
import sys

import numpy as np
import pytest

from tests.models import images, small_cnn
from tfcompress import ModelError, PruningError, SettingError, ShrinkChannels, prune_channels, quantize_aware
from tfcompress.training.channels.channel_cost import Cost
from tfcompress.training.channels.channel_graph import channel_graph


def wide(k):
    """A residual network wide enough for widths in eights."""
    layers = k.layers
    image = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(32, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for index in range(2):
        y = layers.Conv2D(64, 1, activation="relu", name=f"expand{index}")(x)
        y = layers.DepthwiseConv2D(3, padding="same", name=f"depth{index}")(y)
        y = layers.Conv2D(32, 1, name=f"project{index}")(y)
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(96, 3, strides=2, name="top")(x))
    return k.Model(image, layers.Dense(10, activation="softmax", name="digit")(x), name="wide")


@pytest.mark.parametrize("share", [0.7, 0.5, 0.3])
@pytest.mark.parametrize("unit", ["macs", "params"])
def test_budgets_are_met_within_three_percent_in_multiples_of_eight(k, unit, share):
    model = wide(k)
    smaller = prune_channels(model, **{unit: share}, keep_first=False)
    report = smaller.channels
    found = report.macs_share if unit == "macs" else smaller.count_params() / model.count_params()
    assert found == pytest.approx(share, rel=0.03)
    assert all(row.after.width % 8 == 0 for row in report.rows if row.path != "digit")


def test_an_absolute_budget_is_a_number(k):
    model = wide(k)
    whole = Cost(channel_graph(model), "macs").total(np.zeros(len(channel_graph(model).groups)))
    assert prune_channels(model, macs=whole * 0.6).channels.macs_share == pytest.approx(0.6, rel=0.03)


def test_a_ratio_is_of_every_group(k):
    smaller = prune_channels(wide(k), ratio=0.5, round_to=4)
    widths = {row.path: (row.before.width, row.after.width) for row in smaller.channels.rows}
    assert widths["stem"] == (32, 32)
    assert widths["expand0"] == widths["depth1"] == (64, 32)
    assert widths["top"] == (96, 48)


def test_macs_and_parameters_after_are_those_of_the_new_model(k):
    smaller = prune_channels(wide(k), macs=0.4, keep_first=False)
    anew = channel_graph(smaller)
    assert smaller.channels.after.macs == Cost(anew, "macs").total(np.zeros(len(anew.groups)))
    assert smaller.channels.after.params == smaller.count_params()


def test_channels_of_zeros_go_first(k):
    model = wide(k)
    rng = np.random.default_rng(3)
    for name, keep in (("expand0", 32), ("expand1", 32), ("top", 48)):
        layer = model.get_layer(name)
        gone = rng.permutation(layer.filters)[keep:]
        for variable in layer.weights:
            value = np.array(variable)
            value[..., gone] = 0
            variable.assign(value)
    for name in ("depth0", "depth1"):  # what a depthwise convolution makes of a zero is its bias, zero here
        gone = np.flatnonzero(np.all(np.array(model.get_layer("expand" + name[-1]).weights[0]) == 0, axis=(0, 1, 2)))
        kernel = np.array(model.get_layer(name).weights[0])
        kernel[:, :, gone] = 0
        model.get_layer(name).weights[0].assign(kernel)
    x = rng.random((4, 16, 16, 3), dtype=np.float32)
    for kind in ("l1", "l2"):
        smaller = prune_channels(model, ratio=0.5, importance=kind)
        np.testing.assert_allclose(smaller(x), model(x), atol=1e-5)


def test_batch_norm_factors_and_the_loss_choose_too(k):
    layers = k.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, name="conv")(image)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization(name="norm")(x)))
    model = k.Model(image, layers.Dense(4, activation="softmax")(x))
    gamma = np.tile([1.0, 1e-4], 8).astype("float32")
    model.get_layer("norm").gamma.assign(gamma)
    by_factor = prune_channels(model, ratio=0.5, importance="batch_norm", keep_first=False)
    np.testing.assert_array_equal(by_factor.layers[2].gamma, np.ones(8))
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    samples = (rng.random((64, 8, 8, 1), dtype=np.float32), rng.integers(0, 4, 64))
    by_loss = prune_channels(model, ratio=0.5, importance="taylor", samples=samples, keep_first=False)
    assert (np.array(by_loss.layers[2].gamma) > 0.5).all()


def test_the_model_itself_stays_and_compile_settings_go_along(k):
    model = wide(k)
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = [np.array(variable) for variable in model.weights]
    smaller = prune_channels(model, macs=0.5)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert smaller.name == model.name
    assert smaller.loss == "sparse_categorical_crossentropy"
    smaller.fit(np.zeros((8, 16, 16, 3)), np.zeros(8), verbose=0)
    assert quantize_aware(smaller).quantization


@pytest.mark.one_keras
def test_it_saves_and_loads_without_tfcompress(k, tmp_path):
    smaller = prune_channels(wide(k), macs=0.5)
    x = np.random.default_rng(0).random((2, 16, 16, 3), dtype=np.float32)
    smaller.save(tmp_path / "smaller.keras")
    np.save(tmp_path / "x.npy", x)
    code = f"""
import sys, numpy as np, {k.__name__} as k
model = k.models.load_model("smaller.keras")
np.save("y.npy", model(np.load("x.npy")))
assert not any(name.startswith("tfcompress") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), smaller(x), atol=1e-6)


def test_the_report_is_a_table_and_a_picture(k, tmp_path):
    report = prune_channels(wide(k), macs=0.5).channels
    text = str(report)
    assert "whole model" in text
    assert "of the MACs" in text
    assert "kept whole" in text
    report.save(tmp_path / "widths.svg")
    assert (tmp_path / "widths.svg").read_text().count("<rect") == 1 + 2 * len(report.rows)


def test_a_budget_beyond_reach_says_how_far_it_goes(k):
    with pytest.raises(PruningError, match=r"At most \d+\.\d% can go, which leaves [\d,]+ \(0\.\d+\)"):
        prune_channels(wide(k), macs=0.01)


def test_when_only_outputs_could_go_it_says_so(k):
    model = k.Sequential([k.layers.Input((4,)), k.layers.Dense(16, name="only")])
    with pytest.raises(PruningError, match=r"shape would change.*only"):
        prune_channels(model, macs=0.5, keep_first=False)


def test_narrow_models_ask_for_a_smaller_rounding(k):
    with pytest.raises(PruningError, match="smaller round_to"):
        prune_channels(small_cnn(k), ratio=0.5, keep_first=False)


def test_open_sizes_have_no_macs(k):
    layers = k.layers
    model = k.Sequential(
        [layers.Input((None, None, 3)), layers.Conv2D(32, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)]
    )
    with pytest.raises(ModelError, match=r"open sizes.*params="):
        prune_channels(model, macs=0.5, keep_first=False)
    smaller = prune_channels(model, params=0.5, keep_first=False)
    assert smaller.channels.before.macs is None
    assert "parameters" in str(smaller.channels)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"macs": 0.5, "ratio": 0.5}, {"macs": 0}, {"ratio": 1.0}, {"macs": "half"}, {"macs": 0.5, "round_to": 0},
     {"macs": 0.5, "importance": "l3"}, {"macs": 0.5, "importance": "taylor"}, {"macs": 0.5, "samples": [1]}],
)  # fmt: skip
def test_settings_that_make_no_sense(wrong):
    import keras

    with pytest.raises(SettingError):
        prune_channels(small_cnn(keras), **wrong)


def test_a_quantization_aware_model_is_told_to_be_stripped(k):
    with pytest.raises(ModelError, match="strip_quantization"):
        prune_channels(quantize_aware(small_cnn(k)), macs=0.5)


def test_channels_shrink_to_zero_in_a_fit_and_go_unnoticed(k):
    model = wide(k)
    model.compile(k.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 16, 16, 3), dtype=np.float32), rng.integers(0, 10, 64)
    shrink = ShrinkChannels(macs=0.5, keep_first=False)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[shrink])
    smaller = shrink.remove()
    assert smaller.channels.macs_share == pytest.approx(0.5, rel=0.03)
    np.testing.assert_allclose(smaller(x), model(x), atol=1e-5)


def test_shrinking_needs_a_fit_of_known_length(k):
    with pytest.raises(ModelError, match="comes first"):
        ShrinkChannels(macs=0.5).remove()
    with pytest.raises(SettingError, match="chosen by their weights"):
        ShrinkChannels(macs=0.5, importance="taylor")


def test_layers_that_are_frozen_stay_frozen(k):
    layers = k.layers
    base = k.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(16, 3), layers.BatchNormalization()], name="base")
    base.trainable = False
    image = layers.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(base(image, training=False))
    smaller = prune_channels(k.Model(image, layers.Dense(2)(layers.Dense(16)(x))), ratio=0.5, keep_first=False)
    assert not smaller.get_layer("base").trainable
    assert len(smaller.trainable_variables) == 4


def test_masks_of_embeddings_and_inputs_by_name(k):
    layers = k.layers
    words, picture = layers.Input((7,), name="words", dtype="int32"), layers.Input((4,), name="picture")
    x = layers.Embedding(20, 16, mask_zero=True, name="embed")(words)
    x = layers.Bidirectional(layers.LSTM(16), name="read")(x)
    x = layers.Concatenate()([x, layers.Dense(16, activation="relu", name="see")(picture)])
    model = k.Model({"words": words, "picture": picture}, {"answer": layers.Dense(2, name="answer")(x)})
    smaller = prune_channels(model, ratio=0.5, keep_first=False)
    widths = {row.path: row.after.width for row in smaller.channels.rows}
    assert {key: widths[key] for key in ("embed", "see")} == {"embed": 8, "see": 8}
    given = {"words": np.ones((3, 7), "int32"), "picture": np.ones((3, 4), "float32")}
    assert smaller(given)["answer"].shape == (3, 2)
    assert smaller.count_params() < 0.5 * model.count_params()


def test_a_loss_of_the_users_own_goes_along(k, rng):
    def own(expected, found):
        return (expected - found) ** 2

    model = small_cnn(k)
    model.compile("adam", own, metrics=["mae"])
    x = images(rng, 32)
    smaller = prune_channels(model, macs=0.5, round_to=2, keep_first=False)
    history = smaller.fit(x, rng.random((32, 10)), epochs=1, verbose=0)
    assert smaller.loss is own
    assert any("mae" in name or "mean_absolute" in name for name in history.history)
