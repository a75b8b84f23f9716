"""Channel ids: what is joined is one channel, and what is kept says why."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.training.channels.groups import Group, group
from tfcompress.training.channels.ledger import Labelled, Ledger, axes_in


def variable(*shape):
    return SimpleNamespace(shape=shape)


def same(ledger, one, other):
    return [ledger.root(int(a)) == ledger.root(int(b)) for a, b in zip(one, other, strict=True)]


def test_new_channels_are_numbered_on_and_stand_for_themselves():
    ledger = Ledger()
    first, second = ledger.new(3), ledger.new(2)
    assert first.tolist() == [0, 1, 2]
    assert second.tolist() == [3, 4]
    assert ledger.count == 5
    assert ledger.roots(second).tolist() == [3, 4]


def test_joining_is_channel_by_channel_and_goes_on():
    ledger = Ledger()
    a, b, c, d = (ledger.new(3) for _ in range(4))
    assert ledger.join(a, b, "") is a
    ledger.join(c, b, "")
    assert same(ledger, a, c) == [True] * 3
    assert not any(same(ledger, a, d))
    assert not any(same(ledger, a, np.roll(c, 1)))
    assert ledger.roots(c).tolist() == a.tolist(), "the smallest number stands for a channel"
    assert ledger.reasons == {}


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_roots_are_the_same_before_and_after_settling(rng, size):
    ledger = Ledger()
    axes = [ledger.new(size) for _ in range(12)]
    for one, other in rng.integers(0, 12, (9, 2)):
        ledger.join(axes[one], axes[other], "")
    for one, other in ((3, 2), (2, 1), (1, 0)):  # a chain, so that one look-up is not enough
        ledger.join(axes[one], axes[other], "")
    before = [ledger.roots(axis).tolist() for axis in axes]
    ledger.settle()
    assert [ledger.roots(axis).tolist() for axis in axes] == before


def test_what_meets_an_axis_that_stays_must_stay():
    ledger = Ledger()
    a, b = ledger.new(2), ledger.new(2)
    assert ledger.join(a, None, "left") is None
    assert ledger.join(None, b, "right") is None
    assert ledger.join(None, None, "none") is None
    ledger.keep(a, "later")
    assert ledger.reasons == {0: "left", 1: "left", 2: "right", 3: "right"}


def test_tie_joins_blocks_or_places():
    ledger = Ledger()
    axis = ledger.new(6)
    left = ledger.tie(axis, 3, inner=True)
    assert left.tolist() == [0, 2, 4]
    assert ledger.roots(axis).tolist() == [0, 0, 2, 2, 4, 4]
    ledger = Ledger()
    axis = ledger.new(6)
    left = ledger.tie(axis, 3, inner=False)
    assert left.tolist() == [0, 1]
    assert ledger.roots(axis).tolist() == [0, 1, 0, 1, 0, 1]


def test_notes_are_kept_by_the_first_who_makes_them():
    ledger = Ledger()
    axis = ledger.new(2)
    ledger.notice(axis[:1], "first")
    ledger.notice(axis, "second")
    ledger.notice(None, "nobody")
    ledger.keep(None, "nobody")
    assert ledger.inexact == {0: "first", 1: "second"}
    assert ledger.reasons == {}


def test_a_weight_that_is_held_twice_joins_its_channels():
    """A layer that is called twice: both calls read and make the same channels."""
    ledger, kernel = Ledger(), variable(3, 4)
    a, b, c = ledger.new(4), ledger.new(4), ledger.new(3)
    assert ledger.hold(kernel, "dense/kernel", "other", 1, a, "out") is a
    assert ledger.hold(kernel, "dense/kernel", "kernel", 1, b, "out") is a
    assert ledger.hold(kernel, "dense/kernel", "other", 0, c, "in") is c
    assert same(ledger, a, b) == [True] * 4
    (weight,) = ledger.weights.values()
    assert (weight.kind, weight.path, weight.roles) == ("kernel", "dense/kernel", {1: "out", 0: "in"})
    assert ledger.hold(kernel, "dense/kernel", "kernel", 1, None, "out") is None
    assert set(ledger.reasons.values()) == {"dense/kernel is shared with a tensor that stays as it is"}
    assert set(ledger.reasons) == set(a.tolist())


def test_settings_of_a_layer_called_twice_join():
    ledger, layer = Ledger(), SimpleNamespace(name="dense")
    a, b = ledger.new(2), ledger.new(2)
    ledger.set(layer, "units", a, width=False)
    ledger.set(layer, "units", b)
    assert same(ledger, a, b) == [True] * 2
    (setting,) = ledger.settings.values()
    assert (setting.key, setting.width) == ("units", False)
    assert setting.value is a
    ledger.set(layer, "shape", (4, b))
    ledger.set(layer, "shape", (4, None))
    assert set(ledger.reasons.values()) == {"dense is called twice"}
    assert [None if each is None else each.tolist() for each in axes_in((4, [a, (b, None)]))] == [
        None,
        [0, 1],
        [2, 3],
        None,
    ]


def chain():
    """Two layers: 4 channels between them that may go, those at the ends must stay."""
    ledger = Ledger()
    x, h, y = ledger.new(3), ledger.new(4), ledger.new(2)
    first, bias, second = variable(3, 4), variable(4), variable(4, 2)
    ledger.hold(first, "one/kernel", "kernel", 0, x, "in")
    ledger.hold(first, "one/kernel", "kernel", 1, h, "out")
    ledger.hold(bias, "one/bias", "bias", 0, h, "along")
    ledger.hold(second, "two/kernel", "kernel", 0, h, "in")
    ledger.hold(second, "two/kernel", "kernel", 1, y, "out")
    ledger.keep(x, "an input")
    ledger.keep(y, "an output")
    ledger.set(SimpleNamespace(name="one"), "units", h)
    return ledger, h


def test_channels_that_may_go_are_one_group_with_all_that_hold_them():
    ledger, h = chain()
    (found,) = group(ledger)
    assert found.channels.tolist() == h.tolist()
    assert [(weight.path, axis) for weight, axis in found.holders] == [
        ("one/kernel", 1),
        ("one/bias", 0),
        ("two/kernel", 0),
    ]
    assert (found.layers("out"), found.layers("along"), found.layers("in")) == (["one"], ["one"], ["two"])
    assert (found.rounding, found.inexact) == (frozenset({1}), "")


def test_a_channel_that_is_noticed_makes_a_group_of_its_own():
    ledger, h = chain()
    ledger.notice(h[1:2], "a mean is over it")
    first, second = group(ledger)
    assert (first.channels.tolist(), first.inexact) == ([h[0], h[2], h[3]], "")
    assert (second.channels.tolist(), second.inexact) == ([h[1]], "a mean is over it")


def test_a_channel_that_must_stay_takes_all_it_is_joined_with():
    ledger, h = chain()
    other = ledger.new(4)
    ledger.join(h, other, "")
    ledger.keep(other[2:3], "it is an output")
    (found,) = group(ledger)
    assert found.channels.tolist() == [h[0], h[1], h[3]]


def test_channels_held_twice_by_one_weight_round_by_that():
    ledger, h = chain()
    ledger.set(SimpleNamespace(name="flat"), "shape", (7, np.repeat(h, 3)))
    ledger.set(SimpleNamespace(name="other"), "shape", (7, np.repeat(h, 5)), width=False)
    (found,) = group(ledger)
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
        Labelled(variable(4), f"a/b/{name}", "kernel", {0: np.arange(4)}, {0: "out"}) for name in ("k", "b")
    )
    assert Group(np.arange(4), ((kernel, 0), (bias, 0)), frozenset()).layers("out") == ["a/b"]
