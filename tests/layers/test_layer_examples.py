"""Every layer of the catalogue, by its own examples: what calibration makes integer, training makes integer too."""

import importlib
import re
from dataclasses import replace

import pytest

from benchmarks import catalogue as table
from tfcompress.layers.catalogue import SPECS, examples

QUICK = ("Activation softplus", "LayerNormalization", "Concatenate")
"""Those that every run of the tests trains; the others are slow."""


def test_no_name_and_no_title_stands_twice():
    names = [name for spec in SPECS for name in spec.names]
    titles = [example.title for spec in SPECS for example in spec.examples]
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)


def test_every_example_is_a_model(k):
    found = [example for example in examples().values() if example.exists(k)]
    assert len(found) > 75
    for example in found:
        model = example.model(k)
        assert model.predict(example.inputs(2), verbose=0).shape[0] == 2, example.title


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in examples()]
)
def test_what_calibrates_also_trains(flavour, name):
    k, example = importlib.import_module(flavour), examples()[name]
    if not example.exists(k):
        pytest.skip(f"{flavour} does not have it")
    k.utils.set_random_seed(0)
    row = table.row(k, example)
    assert row["calibrated"] == "integer"
    assert row["int16x8"] == "integer"
    for column in ("trained", "then a kernel"):
        assert table.share_of(row[column]) >= 99, row
    assert re.fullmatch(r"no kernel|(4[5-9]|5[0-5]) % zeros", row["pruned"]), row
    assert row["channels"] in ("followed", "kept whole"), row


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", [example.title for spec in SPECS if spec.kernels for example in spec.examples])
def test_what_trains_with_four_bits_is_what_runs(flavour, name):
    k, example = importlib.import_module(flavour), examples()[name]
    if not example.exists(k):
        pytest.skip(f"{flavour} does not have it")
    k.utils.set_random_seed(0)
    followed = replace(example, call=lambda k, x: table.kernel(k, example.call(k, x)))
    x = example.inputs(table.SAMPLES)
    told = table.trained(k, followed.model(k), x, "int8x4", keep_int8=[])
    assert table.share_of(told) >= 99, told
