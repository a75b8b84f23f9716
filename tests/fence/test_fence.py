"""The files of the fence are as they were: a change of the inside that was not meant to change them is found here."""

import importlib

import pytest

from tests.fence.cases import QUICK, WAYS, names_of
from tests.fence.record import load, rows_of
from tests.versions import older

DECIBELS = 0.5
"""Less than this is the arithmetic of another processor, in calibration and in Keras."""

CASES = [
    pytest.param(flavour, name, marks=() if name in QUICK and flavour == "keras" else pytest.mark.slow)
    for flavour, rows in load().items()
    for name in rows
]


@pytest.mark.parametrize(("flavour", "name"), CASES)
def test_the_files_are_as_recorded(flavour, name):
    recorded = load()[flavour][name]
    k = importlib.import_module(flavour)
    k.backend.clear_session()  # which numbers the names of layers
    found = rows_of(k, name)
    without = [way for way in WAYS if found[way] == {"refused": "no such package"} and "refused" not in recorded[way]]
    for way in (way for way in WAYS if way not in without):
        before, now = recorded[way], found[way]
        assert before.keys() == now.keys(), (way, before, now)
        if "refused" in before:
            continue
        for fact in ("ops", "float_ops"):
            assert now[fact] == before[fact], (way, fact)
        layers = [{*row["layers"].split()} for row in (now, before)]
        # Older converters give no names to constants, and so tell fewer layers.
        assert layers[0] == layers[1] or (older("tensorflow", "2.20") and layers[0] < layers[1]), way
        assert now["decibels"] >= before["decibels"] - DECIBELS, way
        assert now["bytes"] <= before["bytes"] + 64, (way, now["bytes"], before["bytes"])
    if without:
        pytest.skip(f"the others are as recorded; the package for {', '.join(without)} is not installed")


def test_every_model_of_the_fence_is_recorded():
    for flavour, rows in load().items():
        known = set(names_of(importlib.import_module(flavour)))
        assert known <= set(rows)
        assert known == set(rows) or older(flavour.replace("_", "-"), "3.15" if flavour == "keras" else "2.21")
