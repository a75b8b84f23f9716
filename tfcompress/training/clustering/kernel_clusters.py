"""The few values of a kernel, trained inside the compiled step: a weight constraint.

In: a kernel, the number of values. Out: after every optimizer step each weight is the mean of its cluster, the
centroid, which so moves by the mean of what the step does to its members. As long as weights may change their cluster,
what each of them has moved is added up beside the kernel, weights go to the nearest centroid, and centroids follow
their members: one iteration of k-means a step. Zeros stay zero, and are a cluster of their own.
Sources: Han et al., "Deep Compression", ICLR 2016, for centroids that train; Cho et al., "DKM: Differentiable K-Means
Clustering Layer for Neural Network Compression", ICLR 2022, for clusters that train with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfcompress.clustered_weights import REPEATS, distinct_values
from tfcompress.training.pruning.kernels import Kernel
from tfcompress.training.pruning.weight_constraints import WeightConstraint, averages_of

ITERATIONS = 30
"""Of k-means, before training."""

SMALLEST = 1e-3
"""Where the centroids of a kernel of zeros are at first, at most."""


class KernelClusters(WeightConstraint):
    """A constraint that leaves a few values to a kernel.

    Args:
        kernel: What to hold.
        clusters: How many values, zero among them.
        strategy: The model's distribution strategy.
        keeps_zero: Whether zero is one of the values even where no weight is zero yet, as a pruner is at work.
    """

    place = 1  # after masks, whose zeros it keeps

    def __init__(self, kernel: Kernel, clusters: int, strategy: Any, keeps_zero: bool = False) -> None:
        super().__init__(kernel)
        weights = kernel.read().astype(np.float32)
        is_pruned = bool(np.any(weights) and not np.all(weights))  # a kernel of zeros alone is yet to train
        centroids = _k_means(weights[weights != 0], clusters - (keeps_zero or is_pruned))
        with strategy.scope():
            self.centroids = _state(np.concatenate([[0], centroids]).astype(np.float32))
            """Sorted but for the first, which is zero."""
            self.members = _state(np.zeros(weights.shape, np.int32))
            """The centroid of each weight."""
            self.moved = _state(weights)
            """Where each weight would be without clusters."""
            self.may_change = _state(np.array(True))
            """Whether weights may change their cluster."""
        self.members.assign(_nearest(weights, centroids) * ((weights != 0) | (not is_pruned)))

    def start(self) -> None:
        """Put each weight on its centroid."""
        self.kernel.write(self.centroids.numpy()[self.members.numpy()])

    def settle(self) -> None:
        """Let no weight change its cluster from now on."""
        self.may_change.assign(False)

    def held(self, weights: Any) -> Any:
        """Return the weights of the next step, each on its centroid."""
        centroids, members = tf.convert_to_tensor(self.centroids), tf.convert_to_tensor(self.members)
        trains = tf.logical_and(weights != 0, members > 0)  # a mask may have zeroed some since
        step = tf.cast(weights, tf.float32) - tf.gather(centroids, members)
        moved = self.moved + tf.where(trains, step, 0.0)
        middles = (centroids[1:-1] + centroids[2:]) / 2.0
        near = 1 + tf.reshape(tf.searchsorted(middles, tf.reshape(moved, [-1])), members.shape)
        members = tf.where(tf.logical_and(self.may_change, members > 0), near, members)
        flat, count = tf.reshape(tf.where(trains, members, 0), [-1]), centroids.shape[0]
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(flat, tf.float32), flat, count)
        sums = tf.math.unsorted_segment_sum(tf.reshape(moved, [-1]), flat, count)
        means = tf.where(sizes > 0, sums / tf.maximum(sizes, 1.0), centroids)
        centroids = tf.concat([[0.0], means[1:]], 0)
        for variable, value in ((self.centroids, centroids), (self.members, members), (self.moved, moved)):
            variable.assign(value)
        return tf.cast(tf.where(trains, tf.gather(centroids, members), 0.0), weights.dtype)

    def apply_to_averages(self, optimizer: Any) -> None:
        """Give the members of a cluster one value in the optimizer's moving average of the kernel too."""
        members = self.members.numpy()
        for average in averages_of(self.kernel.variable, optimizer):
            values = average.numpy()
            sums, sizes = (np.bincount(members.ravel(), weights) for weights in (values.ravel().astype(float), None))
            means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
            average.assign(np.where((members > 0) & (self.kernel.read() != 0), means[members], 0).astype(values.dtype))


def _k_means(weights: np.ndarray, clusters: int) -> np.ndarray:
    """Return the sorted centroids of weights, at most half as many as there are weights; few values are their own."""
    values = distinct_values(weights)
    if not values.size:
        return np.linspace(-SMALLEST, SMALLEST, clusters)
    if values.size <= clusters:
        return values
    from scipy.cluster.vq import kmeans2

    clusters = min(clusters, weights.size // REPEATS)
    found, _ = kmeans2(weights.reshape(-1, 1).astype(float), clusters, ITERATIONS, minit="++", missing="warn", rng=0)
    return np.unique(found)


def _nearest(weights: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the place of the nearest centroid, counted from 1."""
    return 1 + np.searchsorted((centroids[:-1] + centroids[1:]) / 2, weights)


def _state(value: np.ndarray) -> Any:
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
