"""Files that are to fit into some bytes of flash: which layers get four bits, and what is told of it."""

import numpy as np
import pytest

import tfcompress
from tests.conversion.test_int4_weights import KINDS, network
from tfcompress import Runner, convert, inspect, quantize
from tfcompress.bit_allocation import allocate_bits
from tfcompress.console import Loudness, loudness
from tfcompress.errors import ConversionError, SettingError


@pytest.fixture
def x(rng):
    return rng.normal(size=(80, 12, 12, 3)).astype(np.float32)


def test_the_program_finds_what_trying_all_finds(rng):
    for _ in range(20):
        saved, cost = rng.integers(1, 5000, 8), rng.exponential(size=8)
        needed = int(rng.integers(1, saved.sum()))
        every = [[number >> place & 1 for place in range(8)] for number in range(256)]
        least = min(cost @ each for each in every if saved @ each >= needed)
        chosen = allocate_bits(saved.tolist(), cost.tolist(), needed)
        assert saved @ chosen >= needed
        assert cost @ chosen == pytest.approx(least)
    assert allocate_bits([5, 5], [0.0, 0.0], 0) == [False, False]
    assert sum(allocate_bits([5, 5, 5], [0.0, 0.0, 0.0], 5)) == 1  # no four bits for nothing


@pytest.mark.one_keras
def test_a_file_takes_the_bytes_that_it_may_and_the_least_noise(k, x, capsys):
    model = network(k)
    whole, least = convert(model, "int8", samples=x).size, convert(model, "int8x4", samples=x, keep_int8=[]).size
    flash = (whole + least) // 2
    with loudness(Loudness.VERBOSE):
        tflite = convert(model, "int8x4", samples=x, flash=flash)
    assert tflite.size <= flash
    told = capsys.readouterr().err
    assert f"{tflite.size:,} of {flash:,} bytes, with weights of four bits in" in told
    bits = tflite.manifest["weight_bits"]
    counted = [line for line in told.splitlines() if "counting what four bits save" in line]
    assert [sum(f": {layer}: " in line for line in counted) for layer in bits] == [1] * len(bits)
    settings = tflite.manifest["settings"]
    assert settings["flash"] == flash
    assert settings["keep_int8"] == sorted(layer for layer, row in bits.items() if row["bits"] == 8)
    decided = tflite.manifest["decisions"]
    assert {layer: row["bits"] for layer, row in bits.items()} == {
        layer: int(decided[layer]["weights"].removeprefix("int")) for layer in bits
    }
    # Every set of layers that fits, and that lacks one of the chosen ones, costs more.
    saved, noise = ({layer: row[what] for layer, row in bits.items()} for what in ("saves", "noise"))
    chosen = [layer for layer in bits if bits[layer]["bits"] == 4]
    cost = sum(10 ** (noise[layer] / 10) for layer in chosen)
    for number in range(2 ** len(bits)):
        others = [layer for place, layer in enumerate(bits) if number >> place & 1]
        if sum(saved[layer] for layer in others) >= whole - flash + 400:
            assert sum(10 ** (noise[layer] / 10) for layer in others) > 0.97 * cost
    text = str(inspect(tflite))
    assert f"{chosen[0]}: 4 bits" in text
    again = convert(model, "int8x4", samples=x, keep_int8=settings["keep_int8"])
    assert np.array_equal(Runner(again).predict(x[:20]), Runner(tflite).predict(x[:20]))


def test_what_the_user_keeps_stays_and_what_fits_needs_no_four_bits(x):
    import keras

    model = network(keras)
    whole, least = convert(model, "int8", samples=x).size, convert(model, "int8x4", samples=x, keep_int8=[]).size
    kept = convert(model, "int8x4", samples=x, flash=(whole + least) // 2, keep_int8=["middle"])
    assert kept.size <= (whole + least) // 2
    assert "middle" not in kept.manifest["weight_bits"]
    assert kept.manifest["decisions"]["middle"]["weights"] == "int8"
    assert "middle" in kept.manifest["settings"]["keep_int8"]
    roomy = convert(model, "int8x4", samples=x, flash=10 * whole)
    assert {op.inputs[1].dtype for op in roomy.ops if op.name in KINDS} == {"int8"}
    tight = convert(model, "int8x4", samples=x, flash=least + 400, recover=True)
    assert tight.size <= least + 400


def test_a_budget_out_of_reach_says_how_far_it_goes(x):
    import keras

    model = network(keras)
    least = convert(model, "int8x4", samples=x, keep_int8=[]).size
    with pytest.raises(ConversionError, match=r"at most 3,000 bytes.*at least") as told:
        convert(model, "int8x4", samples=x, flash=3000, recover=True)
    said = int(str(told.value.received).split()[0].replace(",", ""))
    assert least <= said < least + 500
    assert convert(model, "int8x4", samples=x, flash=said).size <= said
    with pytest.raises(ConversionError, match="int8x4"):
        convert(model, "int8", samples=x, flash=said)
    with pytest.raises(ConversionError, match="at most 3,000 bytes"):
        convert(model, "int16x8", samples=x, flash=3000)
    for wrong in (0, -1, 64.5, "64k", True):
        with pytest.raises(SettingError, match="flash"):
            convert(model, "int8x4", samples=x, flash=wrong)


def test_a_float_file_fits_as_well(x):
    pytest.importorskip("litert_quantizer")
    import keras

    model = network(keras)
    floats = convert(model, "float32")
    whole, least = (quantize(floats, kind, samples=x, **more).size for kind, more in (("int8", {}), ("int8x4", EVERY)))
    flash = (whole + least) // 2
    tflite = quantize(floats, "int8x4", samples=x, flash=flash)
    assert tflite.size <= flash
    again = quantize(floats, "int8x4", samples=x, keep_int8=tflite.manifest["settings"]["keep_int8"])
    assert again.size <= flash
    assert tflite.signatures == floats.signatures
    with pytest.raises(ConversionError, match="at least"):
        quantize(floats, "int8x4", samples=x, flash=1000)
    with pytest.raises(ConversionError, match="at most"):
        quantize(floats, "dynamic", flash=1000)


EVERY = {"keep_int8": []}


def test_a_trained_file_is_held_to_the_bytes_too(x):
    import keras

    trained = tfcompress.quantize_aware(network(keras), "int8x4", samples=x)
    assert convert(trained, flash=100_000).size < 100_000
    with pytest.raises(ConversionError, match="keep_int8"):
        convert(trained, flash=1000)


@pytest.mark.timeout(120)
def test_the_least_bytes_are_reached_where_a_layer_saves_none_alone(rng):
    import keras

    layers = keras.layers
    sizes = {"large": 40, "a": 8, "b": 1, "c": 1}
    model = keras.Sequential([layers.Input((6,)), *(layers.Dense(size, name=name) for name, size in sizes.items())])
    x = rng.normal(size=(20, 6)).astype(np.float32)
    with pytest.raises(ConversionError, match="at least") as told:
        convert(model, "int8x4", samples=x, flash=100)
    least = int(told.value.received.split()[0].replace(",", ""))
    assert convert(model, "int8x4", samples=x, flash=least).size <= least
