"""Curves of a float model and of its quantization-aware model stand under the same tags, one above the other."""

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tests.models import images, small_cnn


def tags(folder):
    events = tf.data.TFRecordDataset([str(path) for path in folder.iterdir()]).as_numpy_iterator()
    return {value.tag for event in events for value in tf.compat.v1.Event.FromString(event).summary.value}


@pytest.mark.one_keras
def test_pruning_logs_under_the_same_tags_in_both(k, rng, tmp_path):
    model, x, y = small_cnn(k), images(rng, 64), np.arange(64) % 10
    model.compile("adam", "sparse_categorical_crossentropy")

    def fit(model, name):
        pruner = tfcompress.MagnitudePruning(tfcompress.ConstantSparsity(0.5, 0, frequency=1), log_dir=tmp_path / name)
        model.fit(x, y, batch_size=16, verbose=0, callbacks=[pruner])
        return tags(tmp_path / name)

    plain = fit(model, "float")
    assert "sparsity" in plain
    assert any(tag.startswith("sparsity/") for tag in plain)
    assert any(tag.startswith("weights/") for tag in plain)
    assert fit(tfcompress.quantize_aware(model), "int8") == plain
