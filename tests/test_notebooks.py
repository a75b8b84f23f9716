"""The tutorial notebooks run, in a kernel of this Python, and show no log line of TensorFlow."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nbclient")

from examples.run_notebooks import NOTEBOOKS, run

NEEDS = {"onto_a_board": "tflite_micro"}
LOG_LINE = re.compile(r"^(WARNING: All log messages before absl|[IWEF]\d{4} |INFO:)", re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[] if path.stem == "first_int8_file" else pytest.mark.slow) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs_and_is_quiet(path):
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem])
    notebook = run(path)
    texts = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]
    assert not LOG_LINE.search("\n".join(texts)), "\n".join(texts)
    bars = [output for cell in notebook.cells for output in cell.get("outputs", ()) if _html(output) == ""]
    assert bars, "progress bars were shown, and have gone"
    tables = [output for cell in notebook.cells for output in cell.get("outputs", ()) if "<table>" in _html(output)]
    assert tables, "results are shown as tables"


def _html(output):
    return output.get("data", {}).get("text/html", "-")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_of_no_machine(path):
    text = path.read_text()
    assert '"name": "python3"' in text
    assert not re.search(r"/(tmp|home|root|usr)/|site-packages", text)
    assert Path(path).stat().st_size < 200_000
