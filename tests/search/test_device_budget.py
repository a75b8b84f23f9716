"""A budget: what makes none, and what is beyond one."""

import pytest

from tfcompress.errors import SettingError
from tfcompress.search.device_budget import DeviceBudget, Footprint


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"flash": 0}, "flash must be a number above 0"),
        ({"flash": "64k"}, "flash must be a number above 0"),
        ({"flash": float("inf")}, "flash must be a number above 0"),
        ({"flash": 0.5}, "a whole number of bytes"),
        ({"max_accuracy_drop": 2}, "2 points are 0.02"),
        ({"flash": 1, "latency": 0.5}, "says nothing of a microcontroller"),
        ({"arena": 10, "target": "cpu"}, "the memory of TFLM"),
        ({"flash": 1, "target": "gpu"}, "target must be one of"),
    ],
)
def test_what_is_no_budget(limits, words):
    with pytest.raises(SettingError, match=words):
        DeviceBudget(**limits)


def test_a_budget_needs_a_limit():
    with pytest.raises(SettingError, match="needs a budget"):
        DeviceBudget().require_limit()
    DeviceBudget(macs=0.5).require_limit()


def test_what_is_beyond():
    budget = DeviceBudget(flash=1_000, arena=500, macs=0.5)
    found = budget.excess(Footprint(flash=1_100, macs=300, arena=400), whole_macs=500)
    assert found == pytest.approx({"flash": 0.1, "arena": -0.2, "macs": 0.2})
    assert budget.fits(Footprint(flash=1_000, macs=250, arena=500), whole_macs=500)
    assert DeviceBudget(macs=200).excess(Footprint(flash=1, macs=300), whole_macs=500) == pytest.approx({"macs": 0.5})


def test_accuracy_alone_wants_the_smallest_file():
    assert DeviceBudget(max_accuracy_drop=0).wants_smallest
    assert not DeviceBudget(max_accuracy_drop=0.01, flash=10).wants_smallest
    assert not DeviceBudget().wants_smallest
