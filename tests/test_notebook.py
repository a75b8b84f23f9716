"""In a notebook: a bar is HTML that goes, log lines of C++ code stay out, and the level of the log is put back."""

import os
import sys

import pytest

from tfcompress import notebook
from tfcompress.console import progress
from tfcompress.import_hook import around_import


@pytest.fixture
def shown(monkeypatch):
    """What a cell shows, one after the other."""
    display = pytest.importorskip("IPython.display")
    found = []

    class Handle:
        def update(self, html):
            found.append(html.data)

    def show(html, display_id):
        found.append(html.data)
        return Handle()

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr("tfcompress.console.in_notebook", lambda: True)
    return found


def test_a_bar_moves_is_renamed_and_goes(shown, monkeypatch, capsys):
    monkeypatch.setattr(notebook, "SECONDS", -1)
    with progress("pruning <b>", 4) as advance:
        advance(3)
        advance(1, stage="done")
    begun, moved, renamed, gone = shown
    assert "pruning &lt;b&gt;" in begun
    assert 'value="3" max="4"' in moved
    assert "3 of 4" in moved
    assert "done" in renamed
    assert gone == ""
    assert capsys.readouterr() == ("", "")


def test_a_bar_goes_where_work_fails_too(shown):
    with pytest.raises(ValueError, match="no"), progress("reading"):
        raise ValueError("no")
    assert shown[-1] == ""
    assert "<progress>" in shown[0]


def test_bars_are_not_drawn_more_often_than_eyes_see(shown):
    with progress("counting", 10_000) as advance:
        for _ in range(10_000):
            advance()
    assert len(shown) < 100


LOG = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1.1 1 port.cc:153] oneDNN custom operations are on.\n"
    b"2026-01-01 10:00:00.123: I tensorflow/core/cpu_feature_guard.cc:1] This binary\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
)


def test_log_lines_stay_out_and_all_else_goes_through(monkeypatch, capfd):
    monkeypatch.setattr(notebook, "in_notebook", lambda: True)
    with notebook.without_log_lines():
        os.write(2, LOG + b"E0000 00:00:1.1 1 a.cc:1] broken\nmine\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "E0000 00:00:1.1 1 a.cc:1] broken\nmine\nafter\n"


def test_outside_of_notebooks_nothing_is_held_back(capfd):
    with notebook.without_log_lines():
        os.write(2, LOG)
    assert capfd.readouterr().err.encode() == LOG
    assert not notebook.in_notebook()


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "imported_once.py").write_text("import os\nlevel = os.environ.get('TF_CPP_MIN_LOG_LEVEL')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "imported_once"
    sys.modules.pop("imported_once", None)


def test_the_level_is_set_while_the_module_is_imported_and_then_put_back(module, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    finders = len(sys.meta_path)
    around_import(module, notebook._hidden_level)
    import imported_once

    assert imported_once.level == "3"
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    assert len(sys.meta_path) == finders


def test_who_has_chosen_a_level_keeps_it(monkeypatch):
    monkeypatch.setattr(notebook, "in_notebook", lambda: True)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    finders = [*sys.meta_path]
    notebook.hide_tensorflow_log()
    assert sys.meta_path == finders
