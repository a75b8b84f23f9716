"""Every save is sparse, resuming goes on where it stopped, and what is asked per layer and written to disk is so."""

import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tests.training.pruning.test_end_of_fit import compiled, fit
from tests.training.pruning.test_pruning import SCHEDULE, data, require
from tfcompress import MagnitudePruning, PolynomialDecay


@pytest.mark.one_keras
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("every", ["epoch", 3])
def test_checkpoints_are_sparse_wherever_they_stand(k, tmp_path, first, every):
    model, pruner = compiled(k), MagnitudePruning(SCHEDULE, allocation="uniform")
    name = "{epoch}.keras" if every == "epoch" else "{epoch}-{batch}.keras"
    saver = k.callbacks.ModelCheckpoint(str(tmp_path / name), save_freq=every)
    fit(model, *((saver, pruner) if first else (pruner, saver)), epochs=2)
    files = list(tmp_path.glob("*.keras"))
    assert len(files) >= (2 if every == "epoch" else 5)
    for path in files:
        saved = k.models.load_model(path)
        last = SCHEDULE.last_update(0, int(np.array(saved.optimizer.iterations.numpy())))
        require(saved, SCHEDULE(last), "uniform")


class CrashError(Exception):
    pass


def crash_at(k, epoch_to_crash_in, batch_to_crash_at):
    class At(k.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (epoch_to_crash_in, batch_to_crash_at):
                raise CrashError

    return At()


@pytest.mark.one_keras
@pytest.mark.parametrize("first", [True, False])
def test_backup_and_restore(k, tmp_path, first):
    def callbacks():
        both = [MagnitudePruning(SCHEDULE), k.callbacks.BackupAndRestore(str(tmp_path))]
        return both if first else both[::-1]

    with pytest.raises(CrashError):
        fit(compiled(k), *callbacks(), crash_at(k, 1, 2))
    model = compiled(k)
    history = fit(model, *callbacks())
    assert len(history.epoch) < 3  # the backup was found
    require(model, 0.7, "global")


@pytest.mark.one_keras
@pytest.mark.parametrize("allocation", ["uniform", "global"])
@pytest.mark.parametrize("stop", [2, 5])
def test_resumed_in_mid_epoch_equals_never_stopped(k, tmp_path, stop, allocation):
    def train(model, part):
        pruner = MagnitudePruning(PolynomialDecay(0, 0.7, 0, 7, frequency=2), allocation=allocation)
        model.fit(x[part], y[part], batch_size=8, shuffle=False, verbose=0, callbacks=[pruner])

    x, y = data()
    start = compiled(k)
    start.save(tmp_path / "start.keras")
    train(start, slice(None))
    model = k.models.load_model(tmp_path / "start.keras")
    with pytest.warns(tfcompress.TfcompressWarning):
        train(model, slice(0, 8 * stop))
    model.save(tmp_path / "mid.keras")
    model = k.models.load_model(tmp_path / "mid.keras")
    train(model, slice(8 * stop, None))
    for ours, theirs in zip(model.get_weights(), start.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.one_keras
def test_targets_layer_by_layer(k):
    model = compiled(k)
    model.fit(
        *data(),
        batch_size=8,
        epochs=2,
        verbose=0,
        callbacks=[MagnitudePruning({"dense*": 0.9, k.layers.DepthwiseConv2D: 0.25}, allocation="uniform")],
    )
    report = tfcompress.sparsity(model)
    expected = [0.0, 0.25, 0.9]
    for (path, share), wanted in zip(report.items(), expected, strict=True):
        assert abs(share - wanted) * report.kernels[path].size <= 1


def test_a_mapping_that_matches_nothing_is_an_error(k):
    with pytest.raises(tfcompress.SelectionError, match="nope"):
        fit(compiled(k), MagnitudePruning({"dense*": 0.9, "nope": 0.5}))


@pytest.mark.one_keras
def test_event_files_hold_the_sparsity(k, tmp_path):
    fit(compiled(k), MagnitudePruning(SCHEDULE, log_dir=str(tmp_path)))
    (path,) = tmp_path.glob("events*")
    values = {}
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            values.setdefault(value.tag, []).append((event.step, value))
    assert [step for step, _ in values["sparsity"]] == [8, 16, 24]
    assert tf.make_ndarray(values["sparsity"][-1][1].tensor) == pytest.approx(0.7, abs=0.01)
    assert sum(tag.startswith("sparsity/") for tag in values) == 3
    assert sum(tag.startswith("weights/") for tag in values) == 3
    edges = tf.make_ndarray(next(v for tag, v in values.items() if tag.startswith("weights/"))[-1][1].tensor)
    assert edges.shape == (30, 3)
    assert (edges[1:, 0] == edges[:-1, 1]).all()
