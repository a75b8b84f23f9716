"""Floats to the file's integers and back: closed forms, in blocks of any size."""

import numpy as np
import pytest

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.runtime import quantize_arrays
from tfcompress.runtime.quantize_arrays import as_float, from_file, to_file


def spec(dtype="int8", scale=0.5, zero_point=3):
    return TensorSpec("x", (None, 4), dtype, scale, zero_point)


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", 3), ("uint8", 131), ("int16", 0)])
def test_every_integer_comes_back(dtype, zero_point):
    limits = np.iinfo(dtype)
    whole = np.arange(limits.min, limits.max + 1).astype(dtype).reshape(-1, 4)
    there = spec(dtype, 0.25, zero_point)
    floats = from_file(whole, there)
    assert floats.dtype == np.float32
    assert np.array_equal(floats, (whole.astype(float) - zero_point) * 0.25)
    back = to_file(floats, there)
    assert back.dtype == dtype
    assert np.array_equal(back, whole)


def test_halves_go_to_the_even_step_and_what_is_beyond_is_clipped():
    given = np.array([[0.25, 0.75, -0.25, 1e9], [-1e9, 0.0, 62.0, 62.6]], np.float32)
    assert to_file(given, spec()).tolist() == [[3, 5, 3, 127], [-128, 3, 127, 127]]


def test_a_scale_is_divided_by_and_the_zero_point_comes_after_rounding():
    assert to_file(np.array([[0.9]], np.float32), spec(scale=0.3, zero_point=-7)).tolist() == [[-4]]
    assert to_file(np.array([[0.6]], np.float32), spec(scale=1.0, zero_point=None)).tolist() == [[1]]
    assert from_file(np.array([[2]], np.int8), spec(scale=2.0, zero_point=None)).tolist() == [[4.0]]


@pytest.mark.parametrize("block", [1, 4, 8, 12, 1000])
def test_blocks_of_any_size_give_the_same(monkeypatch, rng, block):
    given = rng.normal(0, 20, (7, 4)).astype(np.float32)
    whole = to_file(given, spec())
    assert np.array_equal(whole, np.clip(np.rint(given / np.float32(0.5)) + 3, -128, 127))
    monkeypatch.setattr(quantize_arrays, "BLOCK", block)
    assert np.array_equal(to_file(given, spec()), whole)
    assert to_file(given[:0], spec()).shape == (0, 4)


def test_without_a_scale_arrays_are_only_cast():
    plain = TensorSpec("ids", (None, 2), "int32")
    given = np.array([[1, 2]], np.int64)[:, ::-1]
    assert to_file(given, plain).dtype == np.int32
    assert to_file(given, plain).tolist() == [[2, 1]]
    assert to_file(given, plain).flags.c_contiguous
    assert from_file(given, plain) is given
    assert as_float(plain) is plain


def test_an_application_passes_floats_where_the_file_has_integers():
    assert as_float(spec()) == TensorSpec("x", (None, 4), "float32")
