"""The pipelines as a table, and how often a conversion reads the file that it makes."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfcompress import convert, quantize_aware
from tfcompress.conversion import convert as conversion
from tfcompress.conversion import convert_child
from tfcompress.conversion.converter_process import OUTPUT
from tfcompress.conversion.pipelines import PIPELINES
from tfcompress.litert import serialization
from tfcompress.litert.tflite_model import TFLiteModel

SHAPE = (6, 6, 2)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_gives_every_value_a_range_before_it_quantizes(name):
    passes = [each.__name__ for each in PIPELINES[name]]
    substitutes, ranges, quantizes = (
        next(place for place, each in enumerate(passes) if each.startswith(beginnings))
        for beginnings in ("substitute", ("measure_ranges", "read_ranges"), ("quantize_int8", "quantize_all"))
    )
    assert max(substitutes, ranges) < passes.index("keep_ranges") < quantizes
    assert ("take_back_shifts" in passes) == (name != "trained")


@pytest.fixture
def reads(monkeypatch):
    """Conversion in this process, and how often bytes became a graph."""
    found = []

    def counted(content):
        found.append(len(content))
        return unpack(content)

    def here(_, __, request, advance):
        convert_child._convert(request, lambda told: advance(*told))
        return Path(request["folder"], OUTPUT).read_bytes()

    unpack = serialization.unpack
    monkeypatch.setattr(serialization, "unpack", counted)
    monkeypatch.setattr(conversion, "ask_converter", here)
    return found


@pytest.mark.parametrize("way", ["int8", "int16x8", "trained"])
def test_a_conversion_reads_each_file_once(reads, way):
    entry = keras.Input(SHAPE)
    model = keras.Model(entry, keras.layers.Conv2D(3, 3, activation="relu")(entry))
    x = np.random.default_rng(0).normal(size=(8, *SHAPE)).astype("float32")
    made = convert(quantize_aware(model, samples=x)) if way == "trained" else convert(model, way, samples=x)
    assert len(reads) <= 3, "the float file, the quantized one, and the result"
    again = TFLiteModel(made.content)
    assert (again.ops, again.subgraphs, again.signatures) == (made.ops, made.subgraphs, made.signatures)
    assert (again.inputs, again.outputs, again.manifest) == (made.inputs, made.outputs, made.manifest)
