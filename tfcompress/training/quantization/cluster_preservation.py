"""The few values that clustering has left to a kernel stay few while a quantization-aware model trains.

In: a quantization-aware model. Out: nothing; a weight constraint holds the clusters of its kernels, and their centroids
train. As zeros are, clusters are found in the weights each time that Keras makes a training function, so that nothing
needs to be saved with a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcompress.clustered_weights import MOST_VALUES, is_clustered
from tfcompress.console import say
from tfcompress.errors import ModelError
from tfcompress.training.clustering.kernel_clusters import KernelClusters
from tfcompress.training.pruning.kernels import Kernel, kernels_of
from tfcompress.training.pruning.weight_constraints import constraint_of


class KeptClusters(KernelClusters):
    """Holds the clusters that a kernel had when the training function was made."""

    def __init__(self, kernel: Kernel, strategy: Any) -> None:
        super().__init__(kernel, MOST_VALUES + 1, strategy)
        self.settle()

    def fits(self) -> bool:
        """Tell whether the kernel still has these clusters, with whatever values."""
        weights, members = self.kernel.read(), self.members.numpy()
        if not np.array_equal(weights == 0, members == 0):
            return False
        return all(np.ptp(weights[members == place]) == 0 for place in np.unique(members))


def keep_clusters(model: Any) -> bool:
    """Hold the clusters of a clustered model's kernels, unless a `WeightClustering` holds them.

    Returns:
        Whether a kernel is held that was not before, so that the training step must be traced anew.
    """
    try:
        kernels = [kernel for kernel in kernels_of(model.origin.float_model) if kernel.trains]
    except ModelError:  # no kernel at all
        return False
    held = []
    for kernel in kernels:
        found = constraint_of(kernel, KernelClusters.place)
        if isinstance(found, KernelClusters) and not isinstance(found, KeptClusters):
            continue  # a callback is at work
        if not is_clustered(kernel.read()):
            if found is not None:
                found.release()
        elif found is None or not found.fits():
            KeptClusters(kernel, model.distribute_strategy).hold()
            held.append(kernel)
    if held:
        most = max(np.unique(kernel.read()).size for kernel in held)
        say(f"{len(held)} kernels hold at most {most} values each, and as many after training.")
    return bool(held)
