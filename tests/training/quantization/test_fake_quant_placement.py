"""Where ranges stand in a model: how many values a mean is of, and what shares the range of a concatenation."""

from tfcompress.training.float_graph import read
from tfcompress.training.quantization.fake_quant_placement import place

NEWEST = 99
"""A layout that has every layer."""


def plans(model):
    return {plan.call.path: plan for plan in place(read(model), (), NEWEST)}


def test_a_mean_knows_of_how_many_values_it_is(k):
    layers, x = k.layers, k.Input((4, 6, 3))
    found = plans(
        k.Model(
            x,
            [
                layers.GlobalAveragePooling2D(name="all")(x),
                layers.GlobalAveragePooling1D(name="rows")(layers.Reshape((8, 9))(x)),
                layers.AveragePooling2D(2, name="four")(x),
                layers.Dense(2, name="dense")(x),
            ],
        )
    )
    counts = {path: plan.count for path, plan in found.items()}
    assert (counts["all"], counts["rows"], counts["four"], counts["dense"]) == (24, 8, 1, 1)


def test_what_a_concatenation_alone_reads_shares_its_range(k):
    layers, x = k.layers, k.Input((4,))
    alone, read_twice, given_out = (layers.Dense(3, name=name)(x) for name in ("alone", "read_twice", "given_out"))
    joined = layers.Concatenate(name="joined")([alone, read_twice, given_out])
    found = plans(k.Model(x, [joined, given_out, layers.Dense(2, name="other")(read_twice)]))
    assert {path for path, plan in found.items() if not plan.rounds} == {"alone"}


def test_what_only_float_layers_read_is_not_rounded(k):
    """A file has no integers between two layers in float."""
    layers, x = k.layers, k.Input((6, 6, 2))
    first, second = layers.Conv2D(4, 3, name="first")(x), layers.Conv2D(4, 3, name="second")
    both = layers.Conv2D(4, 1, name="both")(first)
    model = k.Model(x, [layers.Dense(2, name="dense")(second(first)), layers.Dense(2, name="reads_float")(both)])

    def rounded(stays_float, layout=NEWEST):
        return {plan.call.path for plan in place(read(model), stays_float, layout) if plan.rounds}

    assert rounded(("first", "second", "both")) == {"second", "both", "dense", "reads_float"}
    assert "first" in rounded(("first", "second"))  # `both` reads integers
    assert "second" not in rounded(("second", "dense"))
    assert "second" in rounded(("second", "dense"), layout=3)  # as in models that are saved already
