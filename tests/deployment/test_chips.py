"""Needs against what boards have: by hand, at the borders, and for files that do not run."""

import dataclasses
import json

import numpy as np
import pytest

import tfcompress
from tests.models import small_cnn
from tfcompress.deployment import chips as module
from tfcompress.deployment.chips import CODE, RESERVE, boards
from tfcompress.litert.decode.packing import CODE_BYTES
from tfcompress.litert.serialization import read_graph, write_graph


@pytest.fixture(scope="module")
def int8():
    import keras

    x = np.random.default_rng(7).random((64, 8, 8, 1), np.float32)
    return tfcompress.convert(small_cnn(keras), samples=x)


@pytest.mark.micro
def test_needs_are_those_of_the_file_and_of_tflm(int8):
    found = tfcompress.chips(int8)
    assert found.arena == tfcompress.check(int8, "tflm").facts["arena needed, bytes"]
    assert 0 < found.file_bytes < int8.size  # without the manifest
    assert set(found.ops) == {op.name for op in int8.ops}
    row = found["Raspberry Pi Pico"]
    assert row.flash_left == 2 * 2**20 - found.file_bytes - CODE
    assert row.ram_left == 264 * 1024 - found.arena - RESERVE
    assert row.fit == "fits"
    assert f"fits on {sum(row.fit == 'fits' for row in found.rows)} of {len(boards())} boards" in found.headline
    told = json.loads(found.to_json())
    assert all(row["board"]["source"] for row in told["rows"])


@pytest.mark.micro
def test_a_packed_file_takes_the_code_of_decode(int8):
    plain, packed = tfcompress.chips(int8), tfcompress.chips(tfcompress.pack(zeros_in(int8)))
    assert packed.code_bytes - plain.code_bytes == CODE_BYTES
    assert packed.file_bytes < plain.file_bytes
    assert "TFLM_DECODE" in packed.ops


def zeros_in(tflite):
    file = read_graph(tflite.content)
    for op in file.main.ops:
        if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
            kernel = op.inputs[1]
            kernel.data = np.where(np.arange(kernel.data.size).reshape(kernel.shape) % 5, 0, kernel.data)
    return tfcompress.TFLiteModel(write_graph(file))


@pytest.mark.parametrize(
    ("flash", "ram", "expected"),
    [
        (75, 75, "fits"),
        (76, 10, "tight"),
        (10, 76, "tight"),
        (100, 100, "tight"),
        (101, 10, "too large"),
        (10, 101, "too large"),
    ],
)
def test_the_worse_of_flash_and_memory_decides(flash, ram, expected):
    board = dataclasses.replace(boards()[0], flash=100, ram=100)
    row = module._row(board, flash, ram, 0)
    assert (row.fit, row.flash_left, row.ram_left) == (expected, 100 - flash, 100 - ram)


def test_every_board_is_described_whole():
    names = [board.name for board in boards()]
    assert len(names) == len(set(names)) >= 15
    for board in boards():
        assert board.source
        assert board.kernels in ("CMSIS-NN", "ESP-NN", "reference")
        assert 256 * 1024 <= board.flash <= 2**27
        assert 32 * 1024 <= board.ram <= 2**26
        assert ("Cortex-M" in board.core) == (board.kernels == "CMSIS-NN")


@pytest.mark.micro
def test_ops_that_a_cores_kernels_compute_wrongly_are_counted(rng):
    import keras

    model = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(8, 3, groups=2), keras.layers.Flatten()])
    grouped = tfcompress.convert(model, samples=rng.random((60, 8, 8, 4), dtype="float32"))
    found = tfcompress.chips(grouped)
    assert {row.board.kernels: row.gaps for row in found.rows} == {"CMSIS-NN": 0, "ESP-NN": 1, "reference": 0}
    assert "ESP-NN, 1 wrong or refused" in str(found)


@pytest.mark.micro
def test_a_file_that_tflm_refuses_is_an_error_that_names_the_op(rng):
    import keras

    with pytest.raises(tfcompress.RunError, match="FULLY_CONNECTED"):
        tfcompress.chips(tfcompress.convert(small_cnn(keras), "dynamic"))
