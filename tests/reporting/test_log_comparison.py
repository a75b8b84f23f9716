"""The figures of a comparison reach the active run: against stand-ins for the one call of each tracker."""

import sys
from types import SimpleNamespace

import pytest

import tfcompress
from tests.properties.comparisons import ACCURACY, ERROR, comparison

FOUND = comparison(ACCURACY, ERROR)


def test_both_trackers_get_every_figure(monkeypatch):
    logged = []
    mlflow = SimpleNamespace(active_run=lambda: "run", log_metrics=lambda metrics, step: logged.append((metrics, step)))
    wandb = SimpleNamespace(run="run", log=lambda metrics, step: logged.append((metrics, step)))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    assert tfcompress.log_comparison(FOUND, prefix="int8", step=3) == ["mlflow", "wandb"]
    expected = {
        "int8/passed": 0.0, "int8/bytes_in_flash": float(FOUND.tflite.size),
        "int8/bytes_deflated": float(FOUND.tflite.deflated_size), "int8/mean_error": 0.0625, "int8/max_error": 0.5,
        "int8/same_class": 0.98, "int8/accuracy/keras": 0.9, "int8/accuracy/file": 0.875,
        "int8/accuracy/difference": pytest.approx(-0.025), "int8/box/mae/keras": 1.5, "int8/box/mae/file": 1.75,
        "int8/box/mae/difference": 0.25,
    }  # fmt: skip
    assert logged == [(expected, 3), (expected, 3)]


@pytest.mark.parametrize("installed", [True, False])
def test_without_an_active_run_it_says_how_to_start_one(monkeypatch, installed):
    for name, module in (("mlflow", SimpleNamespace(active_run=lambda: None)), ("wandb", SimpleNamespace(run=None))):
        monkeypatch.setitem(sys.modules, name, module if installed else None)
    with pytest.raises(tfcompress.SettingError, match=r"must be active.*mlflow\.start_run\(\) or wandb\.init\(\)"):
        tfcompress.log_comparison(FOUND)
