"""Which weights get four bits so that a file fits: a small integer program over bytes and noise.

In: what four bits save and what they cost, for each group of weights. Out: the groups that cost least together.
Source: Yao et al., "HAWQ-V3: Dyadic Neural Network Quantization", ICML 2021, section 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def allocate_bits(saved: Sequence[int], cost: Sequence[float], needed: int) -> list[bool]:
    """Choose the groups of weights that get four bits.

    Args:
        saved: The bytes that four bits save, by group.
        cost: What they cost, by group, at least 0; costs add up.
        needed: The bytes to save; at most what all save together.

    Returns:
        Whether each group gets four bits. None of them does needlessly, even at no cost.
    """
    if needed <= 0:
        return [False] * len(saved)
    from scipy.optimize import Bounds, LinearConstraint, milp  # it takes half a second to load

    weights = np.array(cost, float)
    weights = weights / max(weights.max(), 1e-30) + 1e-6
    found = milp(
        weights,
        integrality=np.ones(len(saved)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(np.array(saved, float)[np.newaxis] / needed, lb=1),
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        raise ValueError(f"{sum(saved)} bytes at most can be saved, and {needed} are needed: {found.message}")
    return [bool(share > 0.5) for share in found.x]
