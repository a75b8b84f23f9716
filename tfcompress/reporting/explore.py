"""A file's graph in Model Explorer, with what is known of each op on it: noise, bytes, zeros, multiplications.

In: a `TFLiteModel`, and what `layer_errors` found. Out: node data, by what it tells; a page in the browser.
Source of the format: https://github.com/google-ai-edge/model-explorer, "Custom node data".
"""

from __future__ import annotations

import json
from typing import Any

from tfcompress.comparison.layer_errors import LayerErrors
from tfcompress.errors import MissingPackageError
from tfcompress.litert.inspect import inspect
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.temporary_files import temporary_folder
from tfcompress.typing import StrPath

WORST_FIRST = [
    {"stop": 0, "bgColor": "#d73027"},
    {"stop": 0.5, "bgColor": "#fee08b"},
    {"stop": 1, "bgColor": "#1a9850"},
]
LIGHT_FIRST = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#4575b4"}]
MAIN = "main"
"""What Model Explorer calls the first graph of a file; its nodes are the numbers of the ops."""


def node_data(tflite: TFLiteModel, errors: LayerErrors | None = None) -> dict[str, dict[str, Any]]:
    """Return what Model Explorer shows on the nodes of a file, by what it tells.

    Args:
        tflite: The file.
        errors: What `layer_errors` found of it.
    """
    rows = [row for op, row in zip(tflite.ops, inspect(tflite).rows, strict=True) if op.subgraph == 0]
    noise = {row.layer: row.sqnr for row in errors.rows} if errors is not None else {}
    told: dict[str, tuple[list[float | None], list[dict[str, Any]]]] = {
        "SQNR, dB": ([noise.get(row.layer) for row in rows], WORST_FIRST),
        "bytes": ([row.constant_bytes or None for row in rows], LIGHT_FIRST),
        "MACs": ([row.macs or None for row in rows], LIGHT_FIRST),
        "zeros": ([row.zeros for row in rows], LIGHT_FIRST),
    }
    return {
        name: {MAIN: {"results": _results(values), "gradient": gradient}}
        for name, (values, gradient) in told.items()
        if any(value is not None for value in values)
    }


def explore(tflite: TFLiteModel | StrPath, *, errors: LayerErrors | None = None) -> None:
    """Open the graph of a file in Model Explorer, with noise, bytes, zeros and multiplications on its ops.

    It serves the page on this machine until it is stopped with Ctrl-C; in Colab it shows it in the cell.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        errors: What `layer_errors` found of it. Default: no noise is shown.

    Raises:
        FileError: no readable .tflite file.
        MissingPackageError: Model Explorer, of the extra `explorer`, is not installed.

    Example:
        >>> tfcompress.explore(tflite, errors=errors)  # doctest: +SKIP
    """
    tflite = as_tflite(tflite)
    try:
        import model_explorer
    except ImportError as error:
        raise MissingPackageError(
            "The graph is shown by Model Explorer.", hint="pip install 'tfcompress[explorer]'"
        ) from error
    with temporary_folder() as folder:
        config = model_explorer.config()
        config.add_model_from_path(str(tflite.save(folder / "model.tflite")))
        for name, data in node_data(tflite, errors).items():
            config.add_node_data(name, json.dumps(data))
        model_explorer.visualize_from_config(config)


def _results(values: list[float | None]) -> dict[str, dict[str, float]]:
    return {str(number): {"value": value} for number, value in enumerate(values) if value is not None}
