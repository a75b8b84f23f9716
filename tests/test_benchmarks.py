"""The pages hold what is in benchmarks/results, rows in which others are ahead are found, every benchmark starts."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import __main__ as runner
from benchmarks import answers, frontier_tables, pages, record
from benchmarks.where_others_lead import behind

README = pages.DOCS.parent / "README.md"


@pytest.mark.parametrize("page", [README, *sorted(pages.DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_no_row_of_the_pages_is_typed_by_hand(page):
    def without_age(text):  # which each commit changes
        return text.replace(f"; {pages.CHANGED}", "")

    assert without_age(pages.written_anew(page.read_text())) == without_age(page.read_text()), (
        "python -m benchmarks.pages"
    )


def test_rows_of_both_kerases_become_one_with_the_lower_share():
    first = {"layer": "LSTM", "keras": "keras", "trained": "integer, 99.50 %", "int16x8": "integer"}
    second = {"layer": "LSTM", "keras": "tf_keras", "trained": "integer, 100.00 %", "int16x8": "1 float op"}
    alone = {**first, "layer": "RMSNormalization"}
    joined = {**first, "keras": "keras / tf_keras", "int16x8": "integer / 1 float op"}
    assert pages.over_kerases([first, alone, second]) == [joined, alone]


def test_rows_in_which_another_tool_is_ahead_are_named(tmp_path):
    same = {"model": "m", "way": "int8", "flash_bytes": 1000, "deflated_bytes": 900, "latency_ratio": 0.5}
    same |= {"machine": "here", "commit": "abc"}
    rows = [
        {**same, "tool": "tfcompress", "test_accuracy": 80.0},
        {**same, "tool": "other", "test_accuracy": 90.0, "latency_ratio": 0.49},
        {**same, "tool": "third", "test_accuracy": 81.0, "flash_bytes": 900},
        {**same, "tool": "elsewhere", "test_accuracy": 99.0, "machine": "there"},
        {**same, "tool": "later", "test_accuracy": 99.0, "commit": "abd"},
    ]
    (tmp_path / "frontier.json").write_text(json.dumps({"rows": rows}))
    for row in rows:
        answers.keep("m", row["tool"], "int8", [np.arange(200) < 2 * row["test_accuracy"]], tmp_path)
    cells = {"tfcompress": "2 float ops", "tfcompress trained": "integer", "other": "integer"}
    (tmp_path / "coverage.json").write_text(json.dumps({"rows": [{"layer": "ELU", **cells}]}))
    assert behind(tmp_path).splitlines() == [
        "- m, int8: other 90.00 points of accuracy, tfcompress 80.00",
        "- m, int8: third 900 bytes in flash, tfcompress 1,000",
        "- the layer ELU: all integer by other; tfcompress: 2 float ops",
        "",
        "Not compared, as their rows are not known to be of one machine and one commit: m (2 rows).",
    ]
    assert behind(tmp_path / "nothing") == "- In no row that is measured."


def test_the_table_of_tools_says_who_is_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(frontier_tables, "RESULTS", tmp_path)
    same = {"model": "m", "flash_bytes": 1000, "epochs": 3, "accuracy_spread": None, "machine": "here", "commit": "abc"}
    accuracies = {"first": (90.0, 80.0), "second": (80.0, 80.5), "third": (80.0, 90.0)}
    rows = []
    for way, both in accuracies.items():
        for tool, accuracy in zip(("tfcompress", "other"), both, strict=True):
            rows.append({**same, "way": way, "tool": tool, "test_accuracy": accuracy})
            answers.keep("m", tool, way, [np.roll(np.arange(200) < 2 * accuracy, len(tool))], tmp_path)
    (tmp_path / "frontier.json").write_text(json.dumps({"rows": rows}))
    cells = [line.split(" | ") for line in frontier_tables.tools_table()[2:]]
    assert [(row[1], row[-2]) for row in cells] == [("first", "ahead"), ("second", "level"), ("third", "behind")]
    assert cells[2][3:5] == ["80.00", "90.00"]
    assert cells[2][6].startswith("-10.00 ± ")


def test_the_interval_of_a_difference_is_that_of_paired_inputs_and_of_seeds(rng):
    ours, theirs = rng.random((1, 4000)) < 0.8, rng.random((1, 4000)) < 0.8
    gap, half = answers.difference(ours, theirs)
    assert gap == pytest.approx(100 * (theirs.mean() - ours.mean()))
    assert half == pytest.approx(100 * 1.96 * np.sqrt(2 * 0.8 * 0.2 / 4000), rel=0.1)
    assert answers.difference(ours, ours) == (0.0, 0.0)
    runs = np.stack([np.arange(4000) < 4000 * share for share in (0.7, 0.8, 0.9)])
    wide = answers.difference(runs, np.broadcast_to(runs[1], (1, 4000)))[1]
    assert wide > 100 * 1.96 * 0.1 / np.sqrt(3)


def test_a_row_tells_its_machine_and_the_commit_of_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "commit", lambda: "abc")
    kept = record.Record("some", "key", folder=tmp_path)
    kept.add(key=1, figure=2.0)
    kept.add(key=1, figure=3.0)
    assert kept.rows == [{"key": 1, "figure": 3.0, "machine": record.machine(), "commit": "abc"}]


def test_rows_of_other_machines_and_commits_stand_in_tables_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    monkeypatch.setattr(pages, "last_change", lambda: "new")
    rows = [
        {"key": key, "machine": machine, "commit": commit}
        for key, machine, commit in [("a", "M", "new"), ("b", "M", "old"), ("c", "N", "new"), ("d", "M and N", "")]
    ]
    kept = {"commands": ["python -m benchmarks.some 'a<b'"], "versions": {"numpy": "2"}, "rows": rows}
    (tmp_path / "some.json").write_text(json.dumps(kept))
    page = pages.table("some")
    assert page.count("| key |") == 4
    assert "not to be compared" in page.splitlines()[0]
    told = [line for line in page.splitlines() if line.startswith("Machine")]
    assert [pages.CHANGED in line for line in told] == [False, True, False, False]
    assert pages.OLDER in told[3]
    assert "<summary>How it is measured</summary><p><code>python -m benchmarks.some &#x27;a&lt;b&#x27;" in page


def test_every_benchmark_of_the_runner_exists():
    for name, *_ in [*runner.runs(None, None), *runner.runs("data", "model")]:
        assert callable(importlib.import_module(f"benchmarks.{name}").main), name


def test_data_and_model_go_together():
    found = subprocess.run([sys.executable, "-m", "benchmarks", "data"], capture_output=True, text=True)
    assert found.returncode == 2
    assert "go together" in found.stderr


def test_a_twin_computes_the_same(rng):
    import keras

    from benchmarks.twin import twin
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

    figures = lambda task, made, base: ({"test_accuracy": float(made), "MACs": 4}, [True])  # noqa: E731
    monkeypatch.setattr(frontier, "measure", figures)

    def trains(task):
        task.epochs_run += 5
        return 80 + task.seed

    task = SimpleNamespace(seed=0, epochs_run=0)
    trained, right = frontier.measured(task, trains, None, 3)
    assert trained == {"test_accuracy": 81.0, "accuracy_spread": 1.0, "seeds": 3, "epochs": 5, "MACs": 4}
    assert len(right) == 3
    assert frontier.measured(task, lambda task: 7, None, 3)[0]["seeds"] == 1


def test_a_run_of_the_frontier_goes_on_with_the_files_that_are_kept(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from benchmarks import frontier

    seen = []
    figures = lambda task, made, base: (seen.append(made), ({"test_accuracy": 1.0}, [True]))[1]  # noqa: E731
    monkeypatch.setattr(frontier, "measure", figures)
    task = SimpleNamespace(seed=0, epochs_run=0)

    def trains(task):
        task.epochs_run += 5
        return b"%d" % task.seed

    def never(task):
        raise AssertionError

    first = frontier.measured(task, trains, None, 2, tmp_path / "new" / "way")
    assert frontier.measured(task, never, None, 2, tmp_path / "new" / "way") == first
    assert seen == [b"0", b"1"] * 2
    assert first[0]["epochs"] == 5
