"""Runs docs/notebooks in a kernel of this Python, and stores what their cells show: `make notebooks`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

nbformat: Any = import_module("nbformat")  # these two bring no types
NotebookClient: Any = import_module("nbclient").NotebookClient
NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))
SECONDS = 120
"""What a notebook may take on two cores."""


def run(path: Path, python: str = sys.executable) -> Any:
    """Return the executed notebook; what its cells write goes into a temporary folder.

    Args:
        path: The notebook.
        python: The Python of its kernel.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # Who has installed a kernel of this name for another Python keeps it, and does not get it here.
        spec = Path(folder, "jupyter", "kernels", "python3", "kernel.json")
        spec.parent.mkdir(parents=True)
        command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
        kernels = {"JUPYTER_PATH": str(spec.parent.parent.parent)}
        environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"} | kernels
        work = Path(folder, "work")
        work.mkdir()
        with patch.dict(os.environ, environment, clear=True):
            client = NotebookClient(
                notebook, timeout=SECONDS, kernel_name="python3", record_timing=False,
                resources={"metadata": {"path": str(work)}},
            )  # fmt: skip
            return client.execute()


def stored(notebook: Any) -> Any:
    """Return a notebook without what is not the same everywhere: messages on stderr, and bars that have gone."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _passes(output)]
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _passes(output: Any) -> bool:
    return bool(output.get("name") == "stderr" or output.get("data", {}).get("text/html") == "")


def main() -> None:
    for path in NOTEBOOKS:
        begun = time.monotonic()
        notebook = stored(run(path))
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
