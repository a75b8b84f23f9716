"""The sparsity report against NumPy, and that it tells the truth about size."""

import zlib

import numpy as np
import pytest

import tfcompress


def half_zero(k):
    model = k.Sequential([k.Input((8,)), k.layers.Dense(16, name="a"), k.layers.Dense(4, name="b")])
    kernel, bias = model.layers[0].get_weights()
    kernel[:4] = 0
    model.layers[0].set_weights([kernel, bias])
    return model


def test_fractions_and_total(k):
    report = tfcompress.sparsity(half_zero(k))
    assert dict(report) == {"a/kernel": 0.5, "b/kernel": 0.0}
    assert report.total == 64 / (128 + 64)


def test_the_three_sizes(k):
    model = half_zero(k)
    counts = tfcompress.sparsity(model).kernels["a/kernel"]
    kernel = model.layers[0].get_weights()[0]
    coded = np.round(kernel.T / (np.abs(kernel).max() / 127)).astype(np.int8)
    assert (counts.size, counts.zeros) == (128, 64)
    assert counts.deflated == pytest.approx(len(zlib.compress(coded.tobytes(), 9)), abs=2)
    assert counts.sparse == 64 + 128 // 8


def test_printed_it_says_that_zeros_do_not_shrink_flash(k):
    text = str(tfcompress.sparsity(half_zero(k)))
    assert "Zeros change nothing in flash" in text
    assert "50.00%" in text
    assert "all kernels" in text


def test_a_model_without_kernels(k):
    with pytest.raises(tfcompress.ModelError, match="kernel"):
        tfcompress.sparsity(k.Sequential([k.Input((4,)), k.layers.ReLU()]))
