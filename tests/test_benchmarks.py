"""The pages hold what is in benchmarks/results, rows in which others are ahead are found, every benchmark starts."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import __main__ as runner
from benchmarks import pages
from benchmarks.where_others_lead import behind

README = pages.DOCS.parent / "README.md"


@pytest.mark.parametrize("page", [README, *sorted(pages.DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_no_row_of_the_pages_is_typed_by_hand(page):
    assert pages.written_anew(page.read_text()) == page.read_text(), "python -m benchmarks.pages"


def test_rows_of_both_kerases_become_one_with_the_lower_share():
    first = {"layer": "LSTM", "keras": "keras", "trained": "integer, 99.50 %", "int16x8": "integer"}
    second = {"layer": "LSTM", "keras": "tf_keras", "trained": "integer, 100.00 %", "int16x8": "1 float op"}
    alone = {**first, "layer": "RMSNormalization"}
    joined = {**first, "keras": "keras / tf_keras", "int16x8": "integer / 1 float op"}
    assert pages.over_kerases([first, alone, second]) == [joined, alone]


def test_rows_in_which_another_tool_is_ahead_are_named(tmp_path):
    same = {"model": "m", "way": "int8", "flash_bytes": 1000, "deflated_bytes": 900, "latency_ratio": 0.5}
    rows = [
        {**same, "tool": "tfcompress", "test_accuracy": 80.0},
        {**same, "tool": "other", "test_accuracy": 81.0, "latency_ratio": 0.49},
        {**same, "tool": "third", "test_accuracy": 79.0, "flash_bytes": 900},
    ]
    (tmp_path / "frontier.json").write_text(json.dumps({"rows": rows}))
    cells = {"tfcompress": "2 float ops", "tfcompress trained": "integer", "other": "integer"}
    (tmp_path / "coverage.json").write_text(json.dumps({"rows": [{"layer": "ELU", **cells}]}))
    assert behind(tmp_path).splitlines() == [
        "- m, int8: other 81.00 points of accuracy, tfcompress 80.00",
        "- m, int8: third 900 bytes in flash, tfcompress 1,000",
        "- the layer ELU: all integer by other; tfcompress: 2 float ops",
    ]
    assert behind(tmp_path / "nothing") == "- In no row that is measured."


def test_every_benchmark_of_the_runner_exists():
    for name, *_ in [*runner.runs(None, None), *runner.runs("data", "model")]:
        assert callable(importlib.import_module(f"benchmarks.{name}").main), name


def test_data_and_model_go_together():
    found = subprocess.run([sys.executable, "-m", "benchmarks", "data"], capture_output=True, text=True)
    assert found.returncode == 2
    assert "go together" in found.stderr


def test_a_twin_computes_the_same(rng):
    import keras

    from benchmarks.tasks import twin
    from tests.models import small_cnn

    model = small_cnn(keras)
    x = rng.random((4, 8, 8, 1), dtype=np.float32)
    np.testing.assert_allclose(twin(model).predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_a_process_that_dies_is_a_row():
    from benchmarks.run_isolated import apart

    assert apart(_dies) == {"died": "SIGABRT"}
    assert apart(_answers, 2) == {"found": 3}


def _dies():
    import os

    os.abort()


def _answers(number):
    return {"found": number + 1}


def test_a_way_that_trains_runs_once_for_each_seed(monkeypatch):
    from types import SimpleNamespace

    from benchmarks import frontier

    monkeypatch.setattr(frontier, "measure", lambda task, made, base: {"test_accuracy": float(made), "MACs": 4})

    def trains(task):
        task.fits += 1
        return 80 + task.seed

    task = SimpleNamespace(seed=0, fits=0)
    trained = frontier.measured(task, trains, None, 3)
    assert trained == {"test_accuracy": 81.0, "accuracy_spread": 1.0, "seeds": 3, "MACs": 4}
    assert frontier.measured(task, lambda task: 7, None, 3)["seeds"] == 1
