"""A trained Keras model in, a proven int8 .tflite out. The public names, in flow order."""

import os
import sys

if sys.argv[:1] == ["-m"] and any(
    word == "tfcompress" or word.startswith("tfcompress.") for word in sys.orig_argv[1:9]
):
    # `python -m tfcompress` puts the current folder first on the search path, where any `typing.py` or `numpy.py`
    # would be executed. Taken off before another module is imported, and hence no `from __future__` above.
    sys.path[:1] = [entry for entry in sys.path[:1] if entry not in ("", os.getcwd())]

from importlib import import_module
from typing import Any

from tfcompress import fork_safety  # noqa: F401, it looks on when this process forks
from tfcompress.choices import did_you_mean
from tfcompress.keras_compat.registration import complete, register
from tfcompress.notebook import hide_tensorflow_log
from tfcompress.old_spellings import raise_if_old_name

__version__ = "0.1.0"

# Where each public name lives. A module is imported when one of its names is first used, so that
# `import tfcompress` and `tfcompress --help` start neither TensorFlow nor TF-MOT.
# Type checkers know no `__getattr__`: __init__.pyi has the same names for them.
_HOMES = {
    "load_keras": "model_files.load_keras",
    "images": "data.image_folder",
    "preflight": "planning.preflight",
    "Preflight": "planning.preflight",
    # training
    "PolynomialDecay": "training.pruning.schedules",
    "ConstantSparsity": "training.pruning.schedules",
    "MagnitudePruning": "training.pruning.magnitude_pruning",
    "WeightClustering": "training.clustering.weight_clustering",
    "sparsity": "training.pruning.zeros",
    "SparsityReport": "training.pruning.zeros",
    "prune_channels": "training.channels.prune_channels",
    "ShrinkChannels": "training.channels.shrink_channels",
    "channel_graph": "training.channels.channel_graph",
    "distill": "training.distillation",
    "reestimate_batch_norm": "training.batch_norm_reestimation",
    "merge_lora": "training.lora",
    "tfmot": "training",
    "quantize_aware": "training.quantization.quantize_aware",
    "strip_quantization": "training.quantization.quantize_aware",
    # conversion
    "convert": "conversion.convert",
    "quantize": "conversion.quantize_file",
    "load": "litert.tflite_model",
    "TFLiteModel": "litert.tflite_model",
    "inspect": "litert.inspect",
    # proof
    "check": "deployment.check",
    "Findings": "deployment.findings",
    "FindingsByTarget": "deployment.findings",
    "Runner": "runtime.runner",
    "compare": "comparison.compare",
    "Comparison": "comparison.result",
    "SideBySide": "comparison.result",
    "layer_errors": "comparison.layer_errors",
    "LayerErrors": "comparison.layer_errors",
    "sensitivity": "comparison.sensitivity",
    "Sensitivity": "comparison.sensitivity",
    "golden": "comparison.golden_package",
    "compare_golden": "comparison.golden_comparison",
    "GoldenComparison": "comparison.golden_comparison",
    "latency": "runtime.latency",
    "Latencies": "runtime.latency",
    "energy": "deployment.energy",
    "Energy": "deployment.energy",
    "chips": "deployment.chips",
    "Chips": "deployment.chips",
    "pack": "deployment.packing.pack",
    "Packing": "litert.decode.packing",
    "export_c": "deployment.export_c",
    "export_android": "deployment.export_android",
    "ImageInput": "deployment.image_input",
    "compress": "search.compress",
    "Compression": "search.compression",
    "before_after": "reporting.before_after",
    "BeforeAfter": "reporting.before_after",
    "report": "reporting.report",
    "explore": "reporting.explore",
    "log_comparison": "reporting.log_comparison",
    "Report": "reporting.report",
    # errors
    "TfcompressError": "errors",
    "TfcompressWarning": "errors",
    "ClusteringError": "errors",
    "ConversionError": "errors",
    "DataError": "errors",
    "FileError": "errors",
    "MissingPackageError": "errors",
    "ModelError": "errors",
    "PruningError": "errors",
    "QuantizationError": "errors",
    "RunError": "errors",
    "SelectionError": "errors",
    "SettingError": "errors",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise_if_old_name(name)
        meant = did_you_mean(name, __all__)
        raise AttributeError(f"module 'tfcompress' has no attribute {name!r}." + (f" {meant}" if meant else ""))
    value = getattr(import_module(f"tfcompress.{_HOMES[name]}"), name)
    complete()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Complete to public names alone, not to the modules behind them."""
    return sorted(__all__)


register()
hide_tensorflow_log()
