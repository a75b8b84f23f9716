"""Saved quantization-aware models load, whatever was imported before."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.versions import older

SAVED = Path(__file__).parents[1] / "data" / "qat_layout_1_keras.keras"


@pytest.mark.parametrize(
    "first", ["import keras, tfcompress", "import tfcompress", "from tfcompress import quantize_aware"]
)
@pytest.mark.skipif(older("keras", "3.15"), reason="the file was saved by Keras 3.15")
def test_the_class_of_saved_models_is_known(first):
    """TensorFlow, which quantize_aware needs, imports Keras in the middle of our own import."""
    code = f"{first}\nimport keras\nprint(keras.models.load_model({str(SAVED)!r}).name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout.split()[-1:] == ["old"], done.stderr[-2000:]
