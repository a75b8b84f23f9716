"""What the LSTM kernel of LiteRT takes for sigmoid and tanh: every result for every int16, as tables.

In: how many bits of the input stand before the point. Out: the results, as real numbers. The kernel computes them with
16-bit fractions, some steps off what int16 can hold. Source: `fixedpoint/fixedpoint.h` of gemmlowp (Apache 2.0), whose
functions `logistic` and `tanh` these are for all inputs at once.
"""

from __future__ import annotations

from functools import cache

import numpy as np

GATE_BITS = 3
"""Bits before the point of the sums before a gate."""
CELL_BITS = 4
"""The cell is clipped at 10, so that it has no more bits than these before the point."""

ONE = 32767
_QUARTERS = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}
"""e to the power of minus 2 to the power of the key, as a 31-bit fraction."""


@cache
def sigmoid_table() -> np.ndarray:
    """Return the sigmoid of every sum before a gate, from the smallest int16 on."""
    raw = np.arange(-32768, 32768)
    positive = _one_over_one_plus(_exp_of_negative(np.maximum(-np.abs(raw), -32768), GATE_BITS))
    found = np.where(raw > 0, positive, ONE - positive)
    return (np.where(raw == 0, 1 << 14, found) / 32768.0).astype(np.float32)


@cache
def tanh_table(bits: int) -> np.ndarray:
    """Return the tanh of every int16 with so many bits before the point, from the smallest on."""
    raw = np.arange(-32768, 32768)
    power = _exp_of_negative(-np.abs(raw), bits + 1)
    found = _saturated(_newton(power) - (1 << 13), 2)
    return (np.where(raw == 0, 0, np.sign(raw) * found) / 32768.0).astype(np.float32)


def _exp_of_negative(raw: np.ndarray, bits: int) -> np.ndarray:
    fraction = 15 - bits
    quarter = 1 << (fraction - 2)
    part = (raw & (quarter - 1)) - quarter
    rest = part - raw
    result = _exp_of_part(_saturated(part, bits))
    for exponent, multiplier in _QUARTERS.items():
        if bits > exponent:
            chosen = (rest & (1 << (fraction + exponent))) != 0
            result = np.where(chosen, _product(result, _constant(multiplier)), result)
    return np.where(raw == 0, ONE, result)


def _exp_of_part(raw: np.ndarray) -> np.ndarray:
    """Return the exponential between -1/4 and 0, by its series around -1/8."""
    constant = _constant(1895147668)
    x = raw + (1 << 12)
    square = _product(x, x)
    cube, fourth = _product(square, x), _product(square, square)
    terms = _halved(_product(_halved(fourth, 2) + cube, _constant(715827883)) + square, 1)
    return np.clip(constant + _product(x + terms, constant), -32768, ONE)


def _one_over_one_plus(raw: np.ndarray) -> np.ndarray:
    return _saturated(_newton(raw), 1)


def _newton(raw: np.ndarray) -> np.ndarray:
    """Return two over one plus a number between 0 and 1, with two bits before the point."""
    whole = raw + ONE
    half = ((whole + np.where(whole >= 0, 1, -1)) / 2).astype(np.int64)
    x = _constant(1515870810) + _product(half, _constant(-1010580540))
    for _ in range(3):
        x = x + _saturated(_product(x, (1 << 13) - _product(half, x)), 2)
    return x


def _constant(raw: int) -> int:
    """Return a 31-bit fraction as one of 15 bits."""
    return (raw + (1 << 15)) >> 16


def _product(one: np.ndarray, other: np.ndarray | int) -> np.ndarray:
    product = one.astype(np.int64) * other
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.sign(nudged) * (np.abs(nudged) >> 15)


def _halved(raw: np.ndarray, times: int) -> np.ndarray:
    """Divide by a power of two, halves away from zero."""
    mask = (1 << times) - 1
    return (raw >> times) + ((raw & mask) > (mask >> 1) + (raw < 0))


def _saturated(raw: np.ndarray, times: int) -> np.ndarray:
    """Multiply by a power of two, and stay within int16."""
    return np.clip(raw << times, -32768, ONE)
