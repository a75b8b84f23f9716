"""A budget of measured time: what is measured, that it is met, and that kernels' whole blocks are used up."""

import math

import keras
import numpy as np
import pytest

from tests.models import small_cnn
from tests.training.channels.random_models import Architect
from tests.training.channels.test_prune_channels import wide
from tfcompress import ModelError, PruningError, SettingError, ShrinkChannels, channel_graph, prune_channels
from tfcompress.conversion.int8_times import int8_times
from tfcompress.training.channels import measured_time
from tfcompress.training.channels.channel_cost import Cost
from tfcompress.training.channels.measured_time import measured_times


def in_blocks(builders, advance):
    """Seconds of a machine whose kernels make 16 channels together."""
    found = []
    for model in (build() for build in builders):
        kernels = [variable.shape for variable in model.weights if len(variable.shape) > 1]
        *positions, channels = model.outputs[0].shape[1:]
        blocks = math.prod(positions) * math.ceil(channels / 16)
        found.append(1e-9 * blocks * (16 + sum(math.prod(shape[:-1]) for shape in kernels)))
        advance()
    return found


@pytest.fixture
def blocks(monkeypatch):
    monkeypatch.setattr(measured_time, "int8_times", in_blocks)


def time_of(model, round_to=8):
    graph = channel_graph(model, keep_first=False)
    return Cost(graph, "latency", measured_times(graph, round_to)).total(np.zeros(len(graph.groups)))


@pytest.mark.parametrize("share", [0.6, 0.3])
def test_what_is_foretold_is_what_the_smaller_model_takes(k, blocks, share):
    model = wide(k)
    smaller = prune_channels(model, latency=share, keep_first=False)
    assert time_of(smaller) / time_of(model) == pytest.approx(share, rel=0.1)


def test_no_width_lies_between_the_blocks_of_a_kernel(blocks):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(64, 3, padding="same", name="first")(inputs)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    for share in (0.8, 0.5, 0.3):
        smaller = prune_channels(keras.Model(inputs, outputs), latency=share, round_to=4, keep_first=False)
        assert smaller.get_layer("first").filters in (16, 32, 48)


def test_a_layer_that_takes_no_time_keeps_its_channels(monkeypatch):
    def only_spatial(builders, advance):
        shapes = [build().outputs[0].shape for build in builders]
        return [1e-6 * (len(shape) - 2) * shape[-1] for shape in shapes]

    monkeypatch.setattr(measured_time, "int8_times", only_spatial)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(64, 3, name="slow")(inputs)
    x = keras.layers.Dense(64, name="free")(keras.layers.GlobalAveragePooling2D()(x))
    smaller = prune_channels(keras.Model(inputs, keras.layers.Dense(2)(x)), latency=0.5, keep_first=False)
    assert smaller.get_layer("slow").filters <= 32
    assert smaller.get_layer("free").units == 64


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.one_keras
def test_every_kind_of_layer_is_measured_at_widths_that_it_can_have(k, blocks, seed):
    graph = channel_graph(Architect(k, seed).draw(), keep_first=False)
    terms = measured_times(graph, 1)
    whole = Cost(graph, "latency", terms).total(np.zeros(len(graph.groups)))
    assert whole == pytest.approx(sum(term.times.ravel()[-1] for term in terms))
    for term in terms:
        assert term.times.shape == tuple(map(len, term.widths))
        assert all((np.diff(widths) > 0).all() for widths in term.widths)


def require_times(model, round_to):
    terms = measured_times(channel_graph(model, keep_first=False), round_to)
    assert all(np.isfinite(term.times).all() and (term.times >= 0).all() for term in terms)
    assert any(term.times.any() for term in terms)


@pytest.mark.one_keras
def test_layers_are_timed_on_this_machine_and_the_model_stays_as_it_is(k):
    model = small_cnn(k)
    before = [np.array(variable) for variable in model.weights]
    require_times(model, 4)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.weights, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_layers_of_every_kind_are_timed(k, seed):
    require_times(Architect(k, seed).draw(4), 4)


@pytest.mark.one_keras
def test_models_converted_together_have_a_time_each(k, monkeypatch):
    monkeypatch.setattr("tfcompress.conversion.int8_times.TOGETHER", 2)
    asked = []
    one, two = k.Input((4, 4, 3)), k.Input((6, 8))
    lstm = k.Model([two], k.layers.LSTM(4)(two))
    models = [k.Model([one], k.layers.Conv2D(8, 3)(one)), lstm, k.Model([one], k.layers.Softmax()(one))]
    found = int8_times([lambda model=model: model for model in models], lambda: asked.append(1))
    assert len(found) == 3
    assert all(math.isfinite(each) and each >= 0 for each in found)
    assert len(asked) == 3


def test_channels_shrink_within_a_budget_of_time(blocks):
    model = wide(keras)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    shrink = ShrinkChannels(latency=0.5, keep_first=False)
    model.fit(rng.random((16, 16, 16, 3)), rng.integers(0, 10, 16), batch_size=4, verbose=0, callbacks=[shrink])
    assert time_of(shrink.remove()) / time_of(model) == pytest.approx(0.5, rel=0.1)


def test_time_out_of_reach_says_how_far_it_goes(blocks):
    with pytest.raises(PruningError, match=r"latency.*At most \d+\.\d% can go, which leaves [\d,]+ ns \(0\.\d+\)"):
        prune_channels(wide(keras), latency=0.01)


def test_open_sizes_have_no_time():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(32, 3, name="conv")(inputs))
    with pytest.raises(ModelError, match=r"open sizes at conv.*params="):
        prune_channels(keras.Model(inputs, keras.layers.Dense(2)(x)), latency=0.5, keep_first=False)


@pytest.mark.parametrize("wrong", [{"latency": 0}, {"latency": 1}, {"latency": 20}, {"latency": 0.5, "macs": 0.5}])
def test_shares_of_time_that_make_no_sense(wrong):
    with pytest.raises(SettingError, match="latency"):
        prune_channels(small_cnn(keras), **wrong)
    with pytest.raises(SettingError, match="latency"):
        ShrinkChannels(**wrong)
