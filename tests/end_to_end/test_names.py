"""Inputs and outputs are bound by the names that Keras gives them, whatever order they are in."""

import numpy as np
import pytest

import tfcompress

pytestmark = pytest.mark.one_keras

COUNT = 60
SIZES = {"zeta": 2, "alpha": 3, "mid": 4}
RANGES = {"zeta": 1.0, "alpha": 10.0, "mid": 100.0}
"""Each input has a range of its own, so that one taken for another is seen at once."""


def data_for(names, rng):
    return {name: rng.random((COUNT, SIZES[name]), dtype=np.float32) * RANGES[name] for name in names}


def joined_of(k, tensors):
    """Join tensors after a layer for each, as int8 gives what is concatenated one scale."""
    return k.layers.Concatenate()([k.layers.Dense(3)(tensor) for tensor in tensors])


def listed(k):
    """The order of the list is not that of the alphabet."""
    inputs = [k.Input((size,), name=name) for name, size in SIZES.items()]
    return k.Model(inputs, k.layers.Dense(2)(joined_of(k, inputs)))


def from_a_dict(k):
    """Names are the keys of the dict, not those of the layers; outputs too."""
    layers = k.layers
    inputs = {"zeta": k.Input((2,), name="one"), "alpha": k.Input((3,), name="two"), "mid": k.Input((4,), name="three")}
    joined = joined_of(k, [inputs[name] for name in sorted(inputs)])
    return k.Model(inputs, {"right": layers.Dense(2)(joined), "left": layers.Dense(4)(joined)})


def nested(k):
    """A model inside has inputs of the same names in another order; one input is an output as well."""
    layers = k.layers
    first, second = k.Input((3,), name="alpha"), k.Input((2,), name="zeta")
    both = joined_of(k, [first, second])
    inner = k.Model([first, second], [layers.Dense(2, name="a")(both), layers.Dense(3, name="b")(both)], name="inner")
    zeta, alpha = k.Input((2,), name="zeta"), k.Input((3,), name="alpha")
    a, b = inner([alpha, zeta])
    return k.Model([zeta, alpha], [b, a, layers.Dense(4, name="outer")(joined_of(k, [a, zeta]))])


def expected_of(model, data):
    """What Keras gives, by the shape of each output; no two outputs here have the same."""
    order = [tensor.name.split(":")[0] for tensor in model.inputs]
    by_dict = isinstance(getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None)), dict)
    given = data if by_dict else [data[name.split("_")[0]] for name in order]
    results = model(given, training=False)
    flat = list(results.values()) if isinstance(results, dict) else results if isinstance(results, list) else [results]
    return {value.shape[1]: np.asarray(value) for value in flat}


@pytest.mark.filterwarnings("ignore:When providing")
@pytest.mark.parametrize("quantization", ["float32", "int8"])
@pytest.mark.parametrize("make", [listed, from_a_dict, nested])
def test_samples_runner_and_compare_bind_by_name(k, rng, make, quantization):
    model = make(k)
    names = {spec.name for spec in tfcompress.keras_compat.model_io.inputs(model)}
    data = data_for(sorted(names), rng)
    shuffled = dict(reversed(data.items()))
    samples = shuffled if quantization == "int8" else None
    tflite = tfcompress.convert(model, quantization, samples=samples)
    assert {spec.name for spec in tflite.inputs} == names == set(SIZES) & names
    for spec in tflite.inputs:
        assert spec.shape == (1, SIZES[spec.name])
        if quantization == "int8":
            assert spec.scale * 255 == pytest.approx(RANGES[spec.name], rel=0.05)
    found = tfcompress.Runner(tflite).predict(shuffled)
    found = {value.shape[1]: value for value in (found.values() if isinstance(found, dict) else [found])}
    expected = expected_of(model, data)
    assert found.keys() == expected.keys()
    for size, value in expected.items():
        spread = np.ptp(value)
        assert np.abs(found[size] - value).max() < (0.05 if quantization == "int8" else 1e-4) * spread
    result = tfcompress.compare(model, tflite, shuffled)
    assert result.samples == COUNT
    if make is from_a_dict:
        assert {spec.name for spec in tflite.outputs} == {"left", "right"}
    one_by_one = ({name: array[row] for name, array in data.items()} for row in range(COUNT))
    again = tfcompress.convert(model, quantization, samples=one_by_one if samples else None)
    assert again.content == tflite.content, "the order of names and the size of batches change nothing"


def test_what_has_no_name_is_refused_everywhere(k, rng):
    model = listed(k)
    data = data_for(SIZES, rng)
    tflite = tfcompress.convert(model, "float32")
    positional = list(data.values())
    for use in (
        lambda x: tfcompress.convert(model, samples=x),
        lambda x: tfcompress.Runner(tflite).predict(x),
        lambda x: tfcompress.compare(model, tflite, x),
    ):
        for wrong in (positional, tuple(positional), iter([positional] * COUNT)):
            with pytest.raises(tfcompress.DataError, match="by name only"):
                use(wrong)
        with pytest.raises(tfcompress.DataError, match="Rename, add or drop"):
            use({**data, "mid": data["mid"], "Mid": data["mid"]})
        with pytest.raises(tfcompress.DataError, match="Rename, add or drop"):
            use({name: data[name] for name in ("zeta", "mid")})
