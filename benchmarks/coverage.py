"""Which layers does each tool take, and which end all-integer?

    python -m benchmarks.coverage [NAME …] [--quick]

One small Keras 3 model a layer, random data, int8. A cell says what is in the file: "integer", the number of float ops,
or how the tool refuses or dies; each tool runs in a process of its own. "Trained" is one epoch of quantization-aware
training.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.layers import LAYERS, inputs, network
from benchmarks.record import Record
from benchmarks.run_isolated import apart

QUICK = ("Conv2D", "DepthwiseConv2D", "Dense", "Multiply", "Activation gelu", "LayerNormalization")
TOOLS = (
    *("tfcompress", "tfcompress trained", "TFLiteConverter", "litert-quantizer"),
    *('Keras quantize("int8")', "Sony MCT", "TF-MOT trained"),
)


def files(tool: str, names: list[str]) -> dict[str, str]:
    """Return what one tool makes of each layer, up to the one that it dies in."""
    return {name: cell(tool, name) for name in names}


def cell(tool: str, name: str) -> str:
    """Return what one tool makes of one layer."""
    from tfcompress import TfcompressError, TFLiteModel, inspect

    try:
        made = make(tool, name)
    except (Exception, SystemExit) as error:  # another tool may refuse in any way
        ours = isinstance(error, TfcompressError)
        return "refuses" if ours else f"fails: {type(error).__name__}"
    ops = inspect(made if isinstance(made, TFLiteModel) else TFLiteModel(made)).float_ops
    return f"{len(ops)} float op{'s' * (len(ops) > 1)}" if ops else "integer"


def make(tool: str, name: str) -> Any:
    """Return the file that a tool makes of a layer."""
    import keras
    import tf_keras

    import tfcompress
    from benchmarks import peers

    keras.utils.set_random_seed(0)
    x = inputs(name, 64)
    if tool == "TF-MOT trained":
        model = peers.tfmot_quantized(network(tf_keras, name))
        _train(model, x)
        return peers.tflite_converter(model, x)
    model = network(keras, name)
    if tool == "tfcompress":
        return tfcompress.convert(model, samples=x)
    if tool == "tfcompress trained":
        qat_model = tfcompress.quantize_aware(model, samples=x)
        _train(qat_model, x)
        return tfcompress.convert(qat_model)
    return peers.AFTER_TRAINING[tool](model, x)


def _train(model: Any, x: Any) -> None:
    model.compile("sgd", "mse")
    model.fit(x, model.predict(x, verbose=0), epochs=1, verbose=0)


def table(names: list[str]) -> dict[str, dict[str, str]]:
    """Return a row a layer. A tool that dies is asked again layer by layer."""
    rows: dict[str, dict[str, str]] = {name: {} for name in names}
    for tool in TOOLS:
        found = apart(files, tool, names)
        for name in names:
            alone = {name: found[name]} if "died" not in found else apart(files, tool, [name], seconds=300)
            rows[name][tool] = alone.get(name) or f"dies: {alone['died']}"
        print(f"{tool}: done", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    arguments = parser.parse_args()
    names = arguments.names or [*(QUICK if arguments.quick else LAYERS)]
    record = Record("coverage", "layer")
    for name, cells in table(names).items():
        record.add(layer=name, **cells)


if __name__ == "__main__":
    main()
