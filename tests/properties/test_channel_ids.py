"""Channel ids: what is joined is one channel, and what is kept says why."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.layers.channel_rules.channel_ids import ChannelIds, WeightAxes, axes_in
from tfcompress.training.channels.channel_groups import Group, group


def variable(*shape):
    return SimpleNamespace(shape=shape)


def same(ids, one, other):
    return [ids.root(int(a)) == ids.root(int(b)) for a, b in zip(one, other, strict=True)]


def test_new_channels_are_numbered_on_and_stand_for_themselves():
    ids = ChannelIds()
    first, second = ids.new(3), ids.new(2)
    assert first.tolist() == [0, 1, 2]
    assert second.tolist() == [3, 4]
    assert ids.count == 5
    assert ids.roots(second).tolist() == [3, 4]


def test_at_first_there_is_no_work_and_nothing_without_a_size():
    ids = ChannelIds()
    assert (ids.count, ids.work, ids.writes, ids.reads, ids.unsized, ids.weights) == (0, [], [], [], set(), {})
    weight = variable(2, 3)
    ids.hold(weight, "dense/kernel", "kernel", 1, ids.new(3), "out")
    (held,) = ids.weights.values()
    assert (held.variable, held.path, held.kind) == (weight, "dense/kernel", "kernel")


def test_joining_is_channel_by_channel_and_goes_on():
    ids = ChannelIds()
    a, b, c, d = (ids.new(3) for _ in range(4))
    assert ids.join(a, b, "") is a
    ids.join(c, b, "")
    assert same(ids, a, c) == [True] * 3
    assert not any(same(ids, a, d))
    assert not any(same(ids, a, np.roll(c, 1)))
    assert ids.roots(c).tolist() == a.tolist(), "the smallest number stands for a channel"
    assert ids.reasons == {}


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_roots_are_the_same_before_and_after_settling(rng, size):
    ids = ChannelIds()
    axes = [ids.new(size) for _ in range(12)]
    for one, other in rng.integers(0, 12, (9, 2)):
        ids.join(axes[one], axes[other], "")
    for one, other in ((3, 2), (2, 1), (1, 0)):  # a chain, so that one look-up is not enough
        ids.join(axes[one], axes[other], "")
    before = [ids.roots(axis).tolist() for axis in axes]
    ids.settle()
    assert [ids.roots(axis).tolist() for axis in axes] == before


def test_what_meets_an_axis_that_stays_must_stay():
    ids = ChannelIds()
    a, b = ids.new(2), ids.new(2)
    assert ids.join(a, None, "left") is None
    assert ids.join(None, b, "right") is None
    assert ids.join(None, None, "none") is None
    ids.keep(a, "later")
    assert ids.reasons == {0: "left", 1: "left", 2: "right", 3: "right"}


def test_tie_joins_blocks_or_places():
    ids = ChannelIds()
    axis = ids.new(6)
    left = ids.tie(axis, 3, inner=True)
    assert left.tolist() == [0, 2, 4]
    assert ids.roots(axis).tolist() == [0, 0, 2, 2, 4, 4]
    ids = ChannelIds()
    axis = ids.new(6)
    left = ids.tie(axis, 3, inner=False)
    assert left.tolist() == [0, 1]
    assert ids.roots(axis).tolist() == [0, 1, 0, 1, 0, 1]


def test_notes_are_kept_by_the_first_who_makes_them():
    ids = ChannelIds()
    axis = ids.new(2)
    ids.notice(axis[:1], "first")
    ids.notice(axis, "second")
    ids.notice(None, "nobody")
    ids.keep(None, "nobody")
    assert ids.inexact == {0: "first", 1: "second"}
    assert ids.reasons == {}


def test_a_weight_that_is_held_twice_joins_its_channels():
    """A layer that is called twice: both calls read and make the same channels."""
    ids, kernel = ChannelIds(), variable(3, 4)
    a, b, c = ids.new(4), ids.new(4), ids.new(3)
    assert ids.hold(kernel, "dense/kernel", "other", 1, a, "out") is a
    assert ids.hold(kernel, "dense/kernel", "kernel", 1, b, "out") is a
    assert ids.hold(kernel, "dense/kernel", "other", 0, c, "in") is c
    assert same(ids, a, b) == [True] * 4
    (weight,) = ids.weights.values()
    assert (weight.kind, weight.path, weight.roles) == ("kernel", "dense/kernel", {1: "out", 0: "in"})
    assert ids.hold(kernel, "dense/kernel", "kernel", 1, None, "out") is None
    assert set(ids.reasons.values()) == {"dense/kernel is shared with a tensor that stays as it is"}
    assert set(ids.reasons) == set(a.tolist())


def test_settings_of_a_layer_called_twice_join():
    ids, layer = ChannelIds(), SimpleNamespace(name="dense")
    a, b = ids.new(2), ids.new(2)
    ids.set(layer, "units", a, width=False)
    ids.set(layer, "units", b)
    assert same(ids, a, b) == [True] * 2
    (setting,) = ids.settings.values()
    assert (setting.key, setting.width) == ("units", False)
    assert setting.value is a
    ids.set(layer, "shape", (4, b))
    ids.set(layer, "shape", (4, None))
    assert set(ids.reasons.values()) == {"dense is called twice"}
    assert [None if each is None else each.tolist() for each in axes_in((4, [a, (b, None)]))] == [
        None,
        [0, 1],
        [2, 3],
        None,
    ]


def chain():
    """Two layers: 4 channels between them that may go, those at the ends must stay."""
    ids = ChannelIds()
    x, h, y = ids.new(3), ids.new(4), ids.new(2)
    first, bias, second = variable(3, 4), variable(4), variable(4, 2)
    ids.hold(first, "one/kernel", "kernel", 0, x, "in")
    ids.hold(first, "one/kernel", "kernel", 1, h, "out")
    ids.hold(bias, "one/bias", "bias", 0, h, "along")
    ids.hold(second, "two/kernel", "kernel", 0, h, "in")
    ids.hold(second, "two/kernel", "kernel", 1, y, "out")
    ids.keep(x, "an input")
    ids.keep(y, "an output")
    ids.set(SimpleNamespace(name="one"), "units", h)
    return ids, h


def test_channels_that_may_go_are_one_group_with_all_that_hold_them():
    ids, h = chain()
    (found,) = group(ids)
    assert found.channels.tolist() == h.tolist()
    assert [(weight.path, axis) for weight, axis in found.holders] == [
        ("one/kernel", 1),
        ("one/bias", 0),
        ("two/kernel", 0),
    ]
    assert (found.layers("out"), found.layers("along"), found.layers("in")) == (["one"], ["one"], ["two"])
    assert (found.rounding, found.inexact) == (frozenset({1}), "")


def test_a_channel_that_is_noticed_makes_a_group_of_its_own():
    ids, h = chain()
    ids.notice(h[1:2], "a mean is over it")
    first, second = group(ids)
    assert (first.channels.tolist(), first.inexact) == ([h[0], h[2], h[3]], "")
    assert (second.channels.tolist(), second.inexact) == ([h[1]], "a mean is over it")


def test_a_channel_that_must_stay_takes_all_it_is_joined_with():
    ids, h = chain()
    other = ids.new(4)
    ids.join(h, other, "")
    ids.keep(other[2:3], "it is an output")
    (found,) = group(ids)
    assert found.channels.tolist() == [h[0], h[1], h[3]]


def test_channels_held_twice_by_one_weight_round_by_that():
    ids, h = chain()
    ids.set(SimpleNamespace(name="flat"), "shape", (7, np.repeat(h, 3)))
    ids.set(SimpleNamespace(name="other"), "shape", (7, np.repeat(h, 5)), width=False)
    (found,) = group(ids)
    assert found.rounding == frozenset({1, 3})


@pytest.mark.parametrize(
    ("rounding", "round_to", "step"),
    [((1,), 8, 8), ((3,), 8, 8), ((4,), 8, 2), ((1, 4), 8, 8), ((6,), 4, 2), ((2, 6), 9, 9), ((), 8, 1), ((8,), 8, 1)],
)
def test_the_step_keeps_every_width_a_multiple(rounding, round_to, step):
    found = Group(np.arange(24), (), frozenset(rounding)).step(round_to)
    assert found == step
    assert all(found * times % round_to == 0 for times in rounding)


def test_layers_are_named_once():
    kernel, bias = (
        WeightAxes(variable(4), f"a/b/{name}", "kernel", {0: np.arange(4)}, {0: "out"}) for name in ("k", "b")
    )
    assert Group(np.arange(4), ((kernel, 0), (bias, 0)), frozenset()).layers("out") == ["a/b"]


def test_axes_that_stay_are_passed_over_and_a_width_without_a_setting_rounds_freely():
    ids = ChannelIds()
    h = ids.new(4)
    kernel, bias = variable(3, 4), variable(4)
    ids.hold(kernel, "one/kernel", "kernel", 0, None, "in")
    ids.hold(kernel, "one/kernel", "kernel", 1, h, "out")
    ids.hold(bias, "one/bias", "bias", 0, h, "along")
    (found,) = group(ids)
    assert [(weight.variable, axis) for weight, axis in found.holders] == [(kernel, 1), (bias, 0)]
    assert [weight.kind for weight, _ in found.holders] == ["kernel", "bias"]
    assert found.rounding == frozenset()
