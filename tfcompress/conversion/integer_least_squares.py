"""Integers with the least squared error of what they are multiplied with, instead of each rounded by itself.

    |A · (integers × scales) − Y|²  =  wᵀ G w − 2 wᵀ P + …     with G = AᵀA, P = AᵀY, w = integers × scales

One number after the other is rounded, and those that are still to come take up what that changes. Then each is chosen
anew, given all others, and so are the scales.
Sources: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR
2023, for the first part; Behdin et al., "QuantEase: Optimization-based Quantization for Language Models", 2023, for
the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDS = 4
"""How often all numbers and the scales are chosen anew."""
BLOCK = 64
"""Rows whose changes reach the others at once."""
MOST_CHANGE = 2.0
"""By which a scale grows or shrinks at most."""


@dataclass(frozen=True)
class LeastSquares:
    """A problem, or several of one shape: `groups` of K numbers for each of O results.

    Args:
        gram: AᵀA, of shape (groups, K, K), positive definite.
        products: AᵀY, of shape (groups, K, O).
        free: 1 where a number may differ from zero, 0 elsewhere, of shape (groups, K, O).
        largest: The largest integer; the smallest is its negative.
    """

    gram: np.ndarray
    products: np.ndarray
    free: np.ndarray
    largest: int

    def solve(
        self, scales: np.ndarray, integers: np.ndarray | None = None, keep_scales: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return integers of shape (groups, K, O), and their scales.

        Args:
            scales: Of shape (groups, 1, O), or (1, 1, 1) for one that all share; they are where the search begins.
            integers: Where the search begins. Default: each rounded by itself, in turn.
            keep_scales: Whether they stay as they are.
        """
        integers = self._rounded_in_turn(scales) if integers is None else integers
        for _ in range(ROUNDS):
            scales = scales if keep_scales else self._scales(integers, scales)
            integers = self._chosen_anew(integers, scales)
        return integers, scales

    def _nearest(self, numbers: np.ndarray, scales: np.ndarray, free: np.ndarray) -> np.ndarray:
        return free * np.clip(np.rint(numbers / scales), -self.largest, self.largest)

    def _rounded_in_turn(self, scales: np.ndarray) -> np.ndarray:
        inverse = np.linalg.inv(self.gram)
        left = inverse @ self.products  # the real numbers of least error
        upper = np.linalg.cholesky(inverse).swapaxes(1, 2)
        integers = np.zeros_like(left)
        for start in range(0, left.shape[1], BLOCK):
            stop = min(start + BLOCK, left.shape[1])
            wrong = np.zeros_like(left[:, start:stop])
            for row in range(start, stop):
                integers[:, row] = self._nearest(left[:, row], scales[:, 0], self.free[:, row])
                off = left[:, row] - integers[:, row] * scales[:, 0]
                wrong[:, row - start] = off / upper[:, row, row, np.newaxis]
                left[:, row + 1 : stop] -= upper[:, row, row + 1 : stop, np.newaxis] * wrong[:, row - start, np.newaxis]
            left[:, stop:] -= upper[:, start:stop, stop:].swapaxes(1, 2) @ wrong
        return integers

    def _chosen_anew(self, integers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        numbers = integers * scales
        for start in range(0, numbers.shape[1], BLOCK):
            part = slice(start, start + BLOCK)
            gram = self.gram[:, part]
            missing = self.products[:, part] - gram @ numbers
            for row in range(missing.shape[1]):
                own = gram[:, row, start + row, np.newaxis]
                old = numbers[:, start + row].copy()
                wanted = old + missing[:, row] / own
                new = self._nearest(wanted, scales[:, 0], self.free[:, start + row]) * scales[:, 0]
                numbers[:, start + row] = new
                missing -= gram[:, :, start + row, np.newaxis] * (new - old)[:, np.newaxis]
        return np.rint(numbers / scales)

    def _scales(self, integers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Return the scales of least error for integers."""
        axes = tuple(axis for axis in range(3) if scales.shape[axis] == 1)
        power = (integers * (self.gram @ integers)).sum(axis=axes, keepdims=True)
        found = (integers * self.products).sum(axis=axes, keepdims=True) / np.where(power > 0, power, 1)
        return np.where(power > 0, np.clip(found, scales / MOST_CHANGE, scales * MOST_CHANGE), scales)
