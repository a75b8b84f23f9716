"""Weight clustering as one callback for `model.fit`, in Keras 3 and tf_keras alike.

In: a number of clusters, and which kernels. Out: a model each of whose kernels holds at most that many values, the same
object and an ordinary Keras model. In a file a look-up table holds the values, and a weight is an index into it.
"""

from __future__ import annotations

import numpy as np

from tfcompress.clustered_weights import MOST_VALUES
from tfcompress.console import say
from tfcompress.errors import ClusteringError, SettingError
from tfcompress.old_spellings import tells_old_keywords
from tfcompress.selection import Patterns
from tfcompress.training.clustering.kernel_clusters import KernelClusters
from tfcompress.training.pruning.earlier_weights import callbacks_beside
from tfcompress.training.pruning.fit_progress import Fit
from tfcompress.training.pruning.kernel_callback import KernelCallback
from tfcompress.training.pruning.kernels import say_frozen
from tfcompress.training.pruning.magnitude_pruning import MagnitudePruning

SETTLED_BY = 0.75
"""The part of a fit in which weights may change their cluster."""


class WeightClustering(KernelCallback):
    """Lets each kernel hold a few values only, which `model.fit` trains.

    The values are found by k-means and train from the first step on. Weights may change from one to another in the
    first three quarters of a fit, and in all of a training loop, in which `step` is called after each step. Zeros that
    pruning has left stay zero, and are one of the values; so are those of a `MagnitudePruning` in the same fit.

    Args:
        clusters: How many values a kernel holds at most, 2 to 128. 16 make indices of 4 bits. Default: 16.
        include: Layer names, paths, globs, classes or functions of a layer. Default: every layer.
        exclude: The same, to leave out. Default: none.

    Raises:
        SettingError: the number of clusters is not one of these.
        SelectionError: before the first step, a pattern matches no layer or nothing is left to cluster.
        ModelError: before the first step, the model is not built, not compiled or has no kernel, or a layer has LoRA
            adapters.
        ClusteringError: weights are not finite; or, after the last step, another callback has set other weights.

    Source: Han et al., "Deep Compression", ICLR 2016.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, name="dense")])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((64, 8)), np.ones((64, 16))
        >>> history = model.fit(x, y, epochs=3, verbose=0, callbacks=[WeightClustering(4)])
        >>> tfcompress.sparsity(model).kernels["dense/kernel"].values
        4
    """

    example = "clustering"

    @tells_old_keywords
    def __init__(self, clusters: int = 16, *, include: Patterns = None, exclude: Patterns = None) -> None:
        is_whole = isinstance(clusters, (int, np.integer)) and not isinstance(clusters, bool)
        if not is_whole or not 2 <= clusters <= MOST_VALUES:
            raise SettingError(
                f"`clusters` must be a whole number from 2 to {MOST_VALUES}.",
                received=repr(clusters),
                hint="16 values make indices of 4 bits.",
            )
        super().__init__(include, exclude)
        self._clusters = int(clusters)
        self._settled: int | None = None

    def _take_hold(self, fit: Fit) -> list[KernelClusters]:
        kernels, strategy = self._kernels(), self.model.distribute_strategy
        if odd := [kernel.path for kernel in kernels if not np.isfinite(kernel.read().astype(np.float32)).all()]:
            raise ClusteringError(
                "Weights must be finite to be clustered.",
                received=f"NaN or infinity in {', '.join(odd)}",
                hint="Training diverged: lower the learning rate.",
            )
        prunes = any(isinstance(one, MagnitudePruning) for one in callbacks_beside(self))
        found = [KernelClusters(kernel, self._clusters, strategy, prunes) for kernel in kernels]
        for each in found:
            each.start()
        say_frozen(self.model)
        self._settled = None if fit.end is None else fit.begin + int(SETTLED_BY * (fit.end - fit.begin))
        return found

    def _advance(self, until: int) -> None:
        if self._settled is not None and self._step < self._settled <= until:
            for each in self._constraints:
                each.settle()

    def _conclude(self) -> None:
        counts = {each.kernel.path: np.unique(each.kernel.read()).size for each in self._constraints}
        if over := [f"{path}: {count}" for path, count in counts.items() if count > self._clusters]:
            raise ClusteringError(
                f"After the last step each kernel must hold at most {self._clusters} values.",
                received="; ".join(over),
                hint="Another callback set other weights after the last step: take it out of this fit, or cluster "
                "again. The model is as that callback left it.",
            )
        say(f"{len(counts)} kernels hold at most {max(counts.values())} values each.")
