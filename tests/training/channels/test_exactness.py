"""The property that carries channel pruning: channels of zeros go without any output noticing."""

import numpy as np
import pytest

from tests.training.channels.random_models import ANYTHING, ZERO_AT_ZERO, Architect
from tfcompress.training.channels.channel_graph import channel_graph
from tfcompress.training.channels.remove_channels import remove

pytestmark = pytest.mark.one_keras


def choose(graph, rng):
    """Some channels of every group, never all of them."""
    parts = [
        rng.permutation(each.channels)[: rng.integers(1, len(each.channels))]
        for each in graph.groups
        if len(each.channels) > 1 and not each.inexact
    ]
    return np.concatenate(parts)


def zero(graph, channels, roles):
    """Set to zero all that holds these channels in one of these roles."""
    for weight in graph.ids.weights.values():
        value = np.array(weight.variable)
        for position, axis in weight.axes.items():
            if axis is not None and weight.roles[position] in roles:
                mask = np.isin(graph.ids.roots(axis), channels)
                value = value * ~mask.reshape([-1 if index == position else 1 for index in range(value.ndim)])
        weight.variable.assign(value)


def outputs(model, x):
    found = model(x, training=False)
    return [np.array(part) for part in (found if isinstance(found, (list, tuple)) else [found])]


def check(k, seed, activations, roles):
    model = Architect(k, seed, activations).draw()
    rng = np.random.default_rng(seed)
    graph = channel_graph(model, keep_first=bool(seed % 2))
    gone = choose(graph, rng)
    zero(graph, gone, roles)
    x = rng.normal(size=(3, 6, 6, 3)).astype("float32")
    smaller = remove(graph, gone)
    assert smaller.count_params() < model.count_params()
    for before, after in zip(outputs(model, x), outputs(smaller, x), strict=True):
        assert np.isfinite(before).all()
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5 * np.abs(before).max())


@pytest.mark.parametrize("seed", range(8))
def test_channels_that_are_made_as_zeros_go_unnoticed(k, seed):
    check(k, seed, ZERO_AT_ZERO, {"out", "along"})


@pytest.mark.parametrize("seed", range(8, 12))
def test_channels_that_are_read_by_zeros_go_unnoticed_after_any_activation(k, seed):
    check(k, seed, ANYTHING, {"out", "along", "in"})
