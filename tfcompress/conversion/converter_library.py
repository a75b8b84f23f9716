"""The library behind TensorFlow's converter, called without the rest of TensorFlow.

In: `ConverterFlags`, or a float file with ranges. Out: the bytes of a .tflite. `import tensorflow` takes ten times as
long as this library does, and 300 MB more; and `TFLiteConverter.convert` reads a SavedModel into Python three times
before the library reads it itself.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tfcompress.conversion.converter_flags import ConverterFlags

CONVERTER = "tensorflow.compiler.mlir.lite.python._pywrap_converter_api"
FUNCTIONS = "tensorflow.compiler.mlir.quantization.tensorflow.python.pywrap_function_lib"
"""A type that the converter takes, and uses with another quantizer alone."""


def load_library() -> None:
    """Load the library, once for all conversions of this process."""
    _extension(FUNCTIONS)
    _extension(CONVERTER)


def to_flatbuffer(flags: ConverterFlags) -> bytes:
    """Convert a SavedModel.

    Raises:
        RuntimeError: the converter gives up; the message holds its words.
    """
    try:
        return _converted(flags.model, flags.conversion)
    except Exception as error:
        if "PartitionedCall" not in str(error):
            raise
        return _converted(flags.model, flags.each_function_once)


def quantize_to_int8(content: bytes, flags: ConverterFlags, denied: Collection[str]) -> bytes:
    """Quantize a file with ranges, all ops but those whose results have the names denied."""
    return bytes(
        _extension(CONVERTER).ExperimentalMlirQuantizeModel(
            content,
            False,  # scales per channel
            False,  # floats may stay
            flags.inference_type,
            flags.io_type,
            flags.io_type,
            False,  # without ops that compare with float
            False,
            None,
            set(denied) or None,
            False,  # variables stay as they are
            False,  # dense layers have scales per channel as well
            "",
        )
    )


def _converted(model: bytes, conversion: bytes) -> bytes:
    functions = _extension(FUNCTIONS).PyFunctionLibrary()
    return bytes(_extension(CONVERTER).Convert(model, conversion, None, False, None, functions))


@cache
def _extension(name: str) -> ModuleType:
    """Load an extension module of TensorFlow by its place, as importing it would import all packages around it."""
    if name in sys.modules:
        return sys.modules[name]
    root, *inner = name.split(".")
    folders = (find_spec(root).submodule_search_locations or [])[:1]
    paths = [Path(folder, *inner).with_suffix(suffix) for folder in folders for suffix in EXTENSION_SUFFIXES]
    found = next((path for path in paths if path.exists()), None)
    if found is None:  # a version that keeps it elsewhere
        return import_module(name)
    spec = spec_from_file_location(name, found)
    module = module_from_spec(spec)
    sys.modules[name] = module  # TensorFlow itself must not load it a second time
    try:
        spec.loader.exec_module(module)
    except ImportError:  # it needs libraries that TensorFlow's own packages find
        del sys.modules[name]
        return import_module(name)
    return module
