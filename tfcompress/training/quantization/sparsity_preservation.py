"""Zeros that pruning has left stay zero while a quantization-aware model trains.

In: a quantization-aware model. Out: nothing; a weight constraint holds the zeros of its kernels. The zeros are found in
the weights each time that Keras makes a training function, so that nothing needs to be saved with a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.training.pruning.groups import Mask
from tfcompress.training.pruning.kernels import Kernel, kernels_of
from tfcompress.training.pruning.weight_constraints import constraint_of

NOTABLE = 0.1
"""From this share of zeros on a model counts as pruned."""


class KeptZeros(Mask):
    """Holds the zeros that a kernel had when the training function was made."""


def keep_zeros(model: Any) -> bool:
    """Hold the zeros of a pruned model's kernels, unless a pruner holds them; kernels of zeros alone may train.

    Returns:
        Whether a kernel is held that was not before, so that the training step must be traced anew.
    """
    try:
        kernels = [kernel for kernel in kernels_of(model.origin.float_model) if kernel.trains]
    except ModelError:  # no kernel at all
        return False
    zeros = {kernel.path: kernel.read() == 0 for kernel in kernels}
    partly = [kernel for kernel in kernels if not zeros[kernel.path].all()]
    size = sum(zeros[kernel.path].size for kernel in partly)
    count = sum(int(zeros[kernel.path].sum()) for kernel in partly)
    held: list[Kernel] = []
    for kernel in partly if count >= NOTABLE * size > 0 else []:
        mask = constraint_of(kernel, Mask.place)
        if isinstance(mask, Mask) and not isinstance(mask, KeptZeros):
            continue  # a pruner is at work
        if not isinstance(mask, KeptZeros):
            mask = KeptZeros(kernel, model.distribute_strategy)
            mask.hold()
            held.append(kernel)
        mask.keep.assign(~zeros[kernel.path])
    if held:
        share = np.mean(np.concatenate([zeros[kernel.path].ravel() for kernel in held]))
        say(f"{share:.2%} of the weights in {len(held)} kernels are zero, and stay zero in training.")
    return bool(held)
