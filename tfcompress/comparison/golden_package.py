"""Samples and what to expect of them, as a folder that travels: any other machine runs it with one file.

In: a `TFLiteModel`, data. Out: golden.npz, and `run_golden` as a file beside it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress import __version__, files
from tfcompress.comparison import run_golden
from tfcompress.comparison.labels import classes
from tfcompress.console import progress, warn
from tfcompress.data.batches import batches
from tfcompress.data.data_forms import ArrayLike, Data
from tfcompress.errors import DataError
from tfcompress.litert.give_out_results import OpResult, give_out_results, op_results
from tfcompress.litert.op_names import layer_of
from tfcompress.litert.stateful_ops import has_state, only_variable_tensors
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.runtime.engine import TYPES, Arrays, require_numbers
from tfcompress.runtime.isolated_engine import Supervised
from tfcompress.runtime.quantize_arrays import as_float, to_file
from tfcompress.typing import StrPath

NAME = "golden.npz"
BYTES_BY_OP = 16 * 2**20
"""Bytes of what ops write that are kept: of as many samples as that makes, at least one, at most `SAMPLES_BY_OP`."""
SAMPLES_BY_OP = 64
BLOCK = 64
"""Samples that go to the child process at once."""


def golden(
    tflite: TFLiteModel | StrPath,
    folder: str | PathLike[str],
    x: Data,
    y: ArrayLike | Mapping[str, ArrayLike] | None = None,
) -> list[Path]:
    """Write samples, what the reference kernels make of them, and a program that runs them on any other machine.

    Args:
        tflite: The file, as a `TFLiteModel` or as a path.
        folder: Where to; it is made if it is not there.
        x: Data as the Keras model takes it.
        y: Class numbers or one-hot rows, for the accuracy; of several outputs a dict by output name. Default: none.

    Returns:
        `golden.npz`: the file, the samples in its types, the outputs of LiteRT's reference kernels for all of them,
        and what each op writes for the first ones. `run_golden.py`: needs NumPy and ai-edge-litert (or tflite-runtime,
        or TensorFlow) alone, and writes `result.json`, which `compare_golden` reads.

    Raises:
        DataError: the data does not fit the file.
        RunError: the reference kernels do not run it.
        FileError: no readable .tflite file, or the folder cannot be written.

    Example:
        >>> [path.name for path in tfcompress.golden(tflite, "proof", x_test, y_test)]
        ['golden.npz', 'run_golden.py']
    """
    tflite = as_tflite(tflite)
    files.require_writable(Path(folder, NAME))
    require_numbers(tflite)
    found = [batch.inputs for batch in batches(x, [as_float(spec) for spec in tflite.inputs], what="x")]
    inputs = {spec.name: to_file(np.concatenate([rows[spec.name] for rows in found]), spec) for spec in tflite.inputs}
    outputs = _run(tflite, inputs)
    results = op_results(tflite, TYPES)
    whole = give_out_results(tflite, results)
    first = _run(whole, {name: array[:1] for name, array in inputs.items()})
    kept = int(np.clip(BYTES_BY_OP // max(1, sum(array.nbytes for array in first.values())), 1, SAMPLES_BY_OP))
    by_op = _run(whole, {name: array[:kept] for name, array in inputs.items()})
    labels = _labels(tflite, outputs, y)
    facts = _facts(tflite, inputs, results, kept, [*labels])
    arrays = {
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "model": np.frombuffer(tflite.content, np.uint8),
        "model_of_ops": np.frombuffer(whole.content, np.uint8),
        **{f"input_{place}": inputs[spec.name] for place, spec in enumerate(tflite.inputs)},
        **{f"output_{place}": _rows(outputs[spec.name]) for place, spec in enumerate(tflite.outputs)},
        **{f"op_{place}": _rows(by_op[result.name]) for place, result in enumerate(results)},
        **{f"labels_{place}": numbers for place, numbers in enumerate(labels.values())},
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    program = Path(run_golden.__file__)
    return [
        files.write(Path(folder, NAME), packed.getvalue()),
        files.write(Path(folder, program.name), program.read_bytes()),
    ]


def _run(tflite: TFLiteModel, inputs: Arrays) -> Arrays:
    """Run samples on the reference kernels, in another process."""
    count = len(next(iter(inputs.values())))
    shapes = {name: (1, *array.shape[1:]) for name, array in inputs.items()}
    engine = Supervised(tflite, "reference", shapes, threads=1)
    parts = []
    with progress("running on reference kernels", count) as advance:
        for start in range(0, count, BLOCK):
            parts.append(engine.run({name: array[start : start + BLOCK] for name, array in inputs.items()}))
            advance(min(BLOCK, count - start))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1)


def _labels(tflite: TFLiteModel, outputs: Arrays, y: Any) -> dict[str, np.ndarray]:
    """Return class numbers by output; those that are none are told and left out."""
    if y is None:
        return {}
    if not isinstance(y, Mapping):
        if len(tflite.outputs) > 1:
            names = [spec.name for spec in tflite.outputs]
            raise DataError("Labels of several outputs must be a dict by output name.", received=f"outputs {names}")
        y = {tflite.outputs[0].name: y}
    if unknown := set(y) - set(outputs):
        raise DataError("Labels must be of outputs of the file.", received=f"{sorted(unknown)}, not {[*outputs]}")
    found = {}
    for name, labels in y.items():
        count = len(outputs[name])
        if len(np.asarray(labels)) != count:
            raise DataError("There must be as many labels as samples.", received=f"{len(labels)} for {count}")
        try:
            found[name] = classes(labels, _rows(outputs[name]).shape[1])
        except DataError as error:
            warn(f"There will be no accuracy of {name!r}: {error.required} Received: {error.received}.")
    return found


def _facts(
    tflite: TFLiteModel, inputs: Arrays, results: list[OpResult], kept: int, labelled: list[str]
) -> dict[str, Any]:
    state = "none"
    if has_state(tflite):
        state = "variable tensors" if only_variable_tensors(tflite) else "resource variables"
    return {
        "made_by": f"tfcompress {__version__}",
        "batch": max((spec.shape[0] or 1 for spec in tflite.inputs if spec.shape), default=1),
        "samples": len(next(iter(inputs.values()))),
        "samples_by_op": kept,
        "state": state,
        "inputs": [
            {"name": spec.name, "tensor": index, "open": None in spec.shape[1:], "scalar": not spec.shape}
            for index, spec in tflite.bound_inputs
        ],
        "outputs": [
            {"name": spec.name, "tensor": index, "scale": spec.scale, "zero_point": spec.zero_point}
            for index, spec in tflite.bound_outputs
        ],
        "ops": [
            {"op": result.op.name, "layer": layer_of(tflite, result.op), "tensor": result.tensor.index}
            for result in results
        ],
        "labelled": labelled,
    }
