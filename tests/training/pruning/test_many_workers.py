"""MultiWorkerMirroredStrategy with two processes on this machine."""

import json
import os
import socket
import subprocess
import sys

import pytest

WORKER = """
import sys
import numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import {k} as k, tfcompress
k.utils.set_random_seed(1)
with strategy.scope():
    model = k.Sequential([k.Input((6,)), k.layers.Dense(16, activation="relu"), k.layers.Dense(3)])
    model.compile(k.optimizers.SGD(0.01), "mse")
rng = np.random.default_rng(0)
data = tf.data.Dataset.from_tensor_slices((rng.normal(size=(64, 6)), rng.normal(size=(64, 3)))).batch(8).repeat()
pruner = tfcompress.MagnitudePruning(tfcompress.PolynomialDecay(0, 0.7, 0, 12, frequency=5))
model.fit(data, epochs=2, steps_per_epoch=8, verbose=0, callbacks=[pruner])
print("sparsity", tfcompress.sparsity(model).total, float(sum(np.abs(w).sum() for w in model.get_weights())))
"""


def run(k, workers):
    ports = []
    for _ in range(workers):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    started = []
    for index in range(workers):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER.format(k=k)],
                env={**os.environ, "TF_CONFIG": config},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        return [(process.communicate(timeout=300), process.returncode) for process in started]
    finally:
        for process in started:
            process.kill()


@pytest.mark.slow
def test_two_workers_in_tf_keras():
    pytest.importorskip("tf_keras")
    lines = []
    for (out, err), code in run("tf_keras", 2):
        assert code == 0, err[-2000:]
        lines.append(out.splitlines()[-1])
    assert lines[0] == lines[1]
    assert abs(float(lines[0].split()[1]) - 0.7) * 144 <= 1


@pytest.mark.slow
def test_keras_3_fails_and_we_say_so_before():
    for (_, err), code in run("keras", 2):
        assert code != 0
        assert "The fit of Keras 3 fails under MultiWorkerMirroredStrategy" in err


@pytest.mark.slow
def test_one_worker_of_keras_3_trains():
    for (_, err), code in run("keras", 1):
        assert code == 0, err[-2000:]
        assert "The fit of Keras 3" not in err
