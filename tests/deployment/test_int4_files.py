"""Files with weights of four bits: what every target says of them, ours and those that another tool wrote."""

import numpy as np
import pytest

import tfcompress
from tests.conversion.test_int4_weights import network
from tfcompress import check, convert, inspect
from tfcompress.litert.serialization import read_graph, write_graph


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, 12, 12, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    import keras

    return network(keras)


@pytest.fixture(scope="module")
def ours(model, x):
    return convert(model, "int8x4", samples=x)


@pytest.fixture(scope="module")
def foreign(model):
    """A file of weights of four bits and activations in float, as another tool writes it."""
    pytest.importorskip("litert_quantizer")
    file = read_graph(tfcompress.quantize(convert(model, "float32"), "weight_only_int4").content)
    file.metadata.clear()
    return tfcompress.TFLiteModel(write_graph(file))


def small_layers(tflite):
    return {row.layer for row in inspect(tflite).rows if row.weights == "int4"}


def test_bits_by_op(ours, foreign):
    assert {row.weights for row in inspect(ours).rows if row.macs} == {"int4", "int8"}
    assert small_layers(ours) == {"middle", "separable", "dense"}
    assert {row.weights for row in inspect(foreign).rows if row.macs} == {"int4", "float32"}
    assert "int4" in inspect(foreign).kind
    assert not inspect(ours).oldest_runtime.unmeasured


@pytest.mark.micro
def test_every_target_tells_what_runs_it(ours):
    found = check(ours, ["cpu", "tflm", "esp-nn", "gpu", "ethos-u55", "ethos-u85"])
    assert [target for target in found if not found[target].passed] == ["ethos-u55", "ethos-u85"]
    assert len(found["cpu"]) == len(found["tflm"]) == 0
    (unpacked,) = (value for name, value in found["tflm"].facts.items() if "unpack int4" in name)
    assert unpacked == max(np.prod(op.inputs[1].shape) for op in ours.ops[:-1] if op.inputs[1].dtype == "int4")
    for target in ("esp-nn", "gpu", "ethos-u55", "ethos-u85"):
        way_out = '"int8"' if target.startswith("ethos") else "keep_int8"
        rows = [row for row in found[target] if "int4" in row.op]
        assert {row.layer for row in rows} == small_layers(ours)
        assert all(way_out in row.hint for row in rows)


@pytest.mark.micro
def test_weights_alone_in_four_bits_are_for_phones(foreign, x, tmp_path):
    assert check(foreign, "cpu").passed
    assert tfcompress.Runner(foreign).predict(x[:2]).shape == (2, 10)
    assert tfcompress.energy(foreign).macs == inspect(foreign).macs
    stopped = check(foreign, "tflm")
    assert not stopped.passed
    assert all("int8x4" in row.hint for row in stopped)
    with pytest.raises(tfcompress.RunError, match="int8x4") as told:
        tfcompress.export_c(foreign, tmp_path)
    assert str(told.value).count("failed to allocate") == 1
    with pytest.raises(tfcompress.ModelError, match=r"int4.*float32 file"):
        tfcompress.quantize(foreign, "int8x4", samples=x)


@pytest.mark.micro
def test_it_is_exported_and_costs_less(model, ours, x, tmp_path):
    whole = convert(model, samples=x)
    energies = [tfcompress.energy(file) for file in (ours, whole)]
    assert energies[0].macs == energies[1].macs
    assert energies[0].weights_from_dram < energies[1].weights_from_dram
    page = tfcompress.report({"small": tfcompress.compare(model, ours, x)}).save(tmp_path / "report.html").read_text()
    assert all(f">{dtype}<" in page for dtype in ("weights", "int4", "int8"))
    for export in (tfcompress.export_c, tfcompress.export_android):
        assert all(path.exists() for path in export(ours, tmp_path / export.__name__))
