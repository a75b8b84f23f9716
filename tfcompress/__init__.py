"""A trained Keras model in, a proven int8 .tflite out. The public names, in flow order."""

import os
import sys

if sys.argv[:1] == ["-m"] and any(word.startswith("tfcompress.") for word in sys.orig_argv[1:9]):
    # `python -m tfcompress.cli` puts the current folder first on the search path, where any `typing.py` or `numpy.py`
    # would be executed. Taken off before another module is imported, and hence no `from __future__` above.
    sys.path[:1] = [entry for entry in sys.path[:1] if entry not in ("", os.getcwd())]

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfcompress import fork_safety  # noqa: F401, it looks on when this process forks
from tfcompress.keras_compat.registration import complete, register

if TYPE_CHECKING:  # the same names for editors and type checkers, which know no `__getattr__`
    from tfcompress.comparison.compare import compare as compare
    from tfcompress.comparison.layer_errors import LayerErrors as LayerErrors
    from tfcompress.comparison.layer_errors import layer_errors as layer_errors
    from tfcompress.comparison.result import Comparison as Comparison
    from tfcompress.comparison.result import SideBySide as SideBySide
    from tfcompress.comparison.sensitivity import Sensitivity as Sensitivity
    from tfcompress.comparison.sensitivity import sensitivity as sensitivity
    from tfcompress.conversion.convert import convert as convert
    from tfcompress.conversion.quantize_file import quantize as quantize
    from tfcompress.data.image_folder import images as images
    from tfcompress.deployment.check import check as check
    from tfcompress.deployment.energy import Energy as Energy
    from tfcompress.deployment.energy import energy as energy
    from tfcompress.deployment.export_android import export_android as export_android
    from tfcompress.deployment.export_c import export_c as export_c
    from tfcompress.deployment.findings import Findings as Findings
    from tfcompress.deployment.image_input import ImageInput as ImageInput
    from tfcompress.errors import ConversionError as ConversionError
    from tfcompress.errors import DataError as DataError
    from tfcompress.errors import FileError as FileError
    from tfcompress.errors import MissingPackageError as MissingPackageError
    from tfcompress.errors import ModelError as ModelError
    from tfcompress.errors import PruningError as PruningError
    from tfcompress.errors import QuantizationError as QuantizationError
    from tfcompress.errors import RunError as RunError
    from tfcompress.errors import SelectionError as SelectionError
    from tfcompress.errors import SettingError as SettingError
    from tfcompress.errors import TfcompressError as TfcompressError
    from tfcompress.errors import TfcompressWarning as TfcompressWarning
    from tfcompress.litert.inspect import inspect as inspect
    from tfcompress.litert.tflite_model import TFLiteModel as TFLiteModel
    from tfcompress.litert.tflite_model import load as load
    from tfcompress.model_files.load_keras import load_keras as load_keras
    from tfcompress.planning.preflight import Preflight as Preflight
    from tfcompress.planning.preflight import preflight as preflight
    from tfcompress.reporting.before_after import BeforeAfter as BeforeAfter
    from tfcompress.reporting.before_after import before_after as before_after
    from tfcompress.reporting.report import Report as Report
    from tfcompress.reporting.report import report as report
    from tfcompress.runtime.latency import Latencies as Latencies
    from tfcompress.runtime.latency import latency as latency
    from tfcompress.runtime.runner import Runner as Runner
    from tfcompress.training import tfmot as tfmot
    from tfcompress.training.channels.channel_graph import channel_graph as channel_graph
    from tfcompress.training.channels.prune_channels import prune_channels as prune_channels
    from tfcompress.training.channels.shrink_channels import ShrinkChannels as ShrinkChannels
    from tfcompress.training.lora import merge_lora as merge_lora
    from tfcompress.training.pruning.magnitude_pruning import MagnitudePruning as MagnitudePruning
    from tfcompress.training.pruning.schedules import ConstantSparsity as ConstantSparsity
    from tfcompress.training.pruning.schedules import PolynomialDecay as PolynomialDecay
    from tfcompress.training.pruning.zeros import SparsityReport as SparsityReport
    from tfcompress.training.pruning.zeros import sparsity as sparsity
    from tfcompress.training.quantization.quantize_aware import quantize_aware as quantize_aware
    from tfcompress.training.quantization.quantize_aware import strip_quantization as strip_quantization

__version__ = "0.1.0"

# Where each public name lives. A module is imported when one of its names is first used, so that
# `import tfcompress` and `tfcompress --help` start neither TensorFlow nor TF-MOT.
_HOMES = {
    "load_keras": "model_files.load_keras",
    "images": "data.image_folder",
    "preflight": "planning.preflight",
    "Preflight": "planning.preflight",
    # training
    "PolynomialDecay": "training.pruning.schedules",
    "ConstantSparsity": "training.pruning.schedules",
    "MagnitudePruning": "training.pruning.magnitude_pruning",
    "sparsity": "training.pruning.zeros",
    "SparsityReport": "training.pruning.zeros",
    "prune_channels": "training.channels.prune_channels",
    "ShrinkChannels": "training.channels.shrink_channels",
    "channel_graph": "training.channels.channel_graph",
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
    "Runner": "runtime.runner",
    "compare": "comparison.compare",
    "Comparison": "comparison.result",
    "SideBySide": "comparison.result",
    "layer_errors": "comparison.layer_errors",
    "LayerErrors": "comparison.layer_errors",
    "sensitivity": "comparison.sensitivity",
    "Sensitivity": "comparison.sensitivity",
    "latency": "runtime.latency",
    "Latencies": "runtime.latency",
    "energy": "deployment.energy",
    "Energy": "deployment.energy",
    "export_c": "deployment.export_c",
    "export_android": "deployment.export_android",
    "ImageInput": "deployment.image_input",
    "before_after": "reporting.before_after",
    "BeforeAfter": "reporting.before_after",
    "report": "reporting.report",
    "Report": "reporting.report",
    # errors
    "TfcompressError": "errors",
    "TfcompressWarning": "errors",
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

if not TYPE_CHECKING:  # else every name, misspelt ones too, would be `Any` to them

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'tfcompress' has no attribute {name!r}")
        value = getattr(import_module(f"tfcompress.{_HOMES[name]}"), name)
        complete()
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Complete to public names alone, not to the modules behind them."""
    return sorted(__all__)


register()
