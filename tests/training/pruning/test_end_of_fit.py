"""Whatever sets weights around the pruner, the end of a fit is sparse, or something is said."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tfcompress
from tests.training.pruning.test_pruning import SCHEDULE, data, network, require
from tfcompress import MagnitudePruning


def compiled(k, **optimizer):
    model = network(k)
    model.compile(k.optimizers.Adam(0.01, **optimizer), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model, *callbacks, epochs=3, **more):
    x, y = data()
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks], **more)


def dense_is_best(k, **more):
    """Takes the first epoch it sees for the best, and restores it after the next."""
    return k.callbacks.EarlyStopping(
        monitor="loss", mode="min", min_delta=1e9, patience=1, restore_best_weights=True, **more
    )


@pytest.mark.one_keras
@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_that_restores_dense_weights_is_told_before_and_the_history_stays(k, first, capsys):
    model, pruner, stopping = compiled(k), MagnitudePruning(SCHEDULE), dense_is_best(k)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", tfcompress.TfcompressWarning)
        history = fit(model, *((pruner, stopping) if first else (stopping, pruner)))
    assert len(history.history["sparsity"]) == 2
    before, after = [str(one.message) for one in caught if one.category is tfcompress.TfcompressWarning]
    assert "give EarlyStopping start_from_epoch=1;" in before  # 8 steps an epoch: the schedule ends at step 12
    reached = tfcompress.sparsity(model).total
    assert 0 < reached < 0.65
    assert f"{reached:.2%} of them are zero, not 70.00%" in after
    assert "are zero." not in capsys.readouterr().err


@pytest.mark.one_keras
@pytest.mark.parametrize("first", [True, False])
def test_the_way_out_works_and_nothing_is_said(k, first, recwarn):
    model, pruner, stopping = compiled(k), MagnitudePruning(SCHEDULE), dense_is_best(k, start_from_epoch=1)
    fit(model, *((pruner, stopping) if first else (stopping, pruner)), epochs=6)
    require(model, 0.7, "global")
    assert not [one for one in recwarn if one.category is tfcompress.TfcompressWarning]


@pytest.mark.one_keras
@pytest.mark.parametrize("schedule", [SCHEDULE, 0.7])
def test_a_checkpoint_of_the_best_epoch_is_told_before(k, schedule, tmp_path, recwarn):
    def best():
        path = str(tmp_path / "best.keras")
        return k.callbacks.ModelCheckpoint(path, monitor="loss", mode="max", save_best_only=True)

    model, pruner = compiled(k), MagnitudePruning(schedule)
    with pytest.warns(tfcompress.TfcompressWarning, match=r"ModelCheckpoint\(save_best_only=True\) may choose"):
        fit(model, pruner, best(), epochs=4)
    recwarn.clear()
    fit(model, pruner, best(), dense_is_best(k))  # what the message proposes: the zeros are there and are held
    assert not [one for one in recwarn if one.category is tfcompress.TfcompressWarning]
    require(model, 0.7, "global")
    require(k.models.load_model(tmp_path / "best.keras"), 0.7, "global")


def test_any_later_callback_that_sets_weights_is_an_error(k):
    class Restore(k.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([np.ones_like(w) for w in self.model.get_weights()])

    with pytest.raises(tfcompress.PruningError, match="came back"):
        fit(compiled(k), MagnitudePruning(0.5), Restore())


def test_the_history_stays_an_ordinary_one(k):
    history = fit(compiled(k), MagnitudePruning(0.5))
    assert "on_train_end" not in vars(history)


def test_moving_averages_are_sparse(k):
    model = compiled(k, use_ema=True, ema_momentum=0.9)
    fit(model, MagnitudePruning(SCHEDULE, allocation="uniform"))
    require(model, 0.7, "uniform")


@pytest.mark.parametrize("first", [True, False])
def test_swapped_averages_are_sparse_at_every_save(first, tmp_path):
    import keras

    model, pruner = compiled(keras, use_ema=True, ema_momentum=0.9), MagnitudePruning(SCHEDULE, allocation="uniform")
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    x, y = data()
    fit(model, *((pruner, swap, saved) if first else (swap, saved, pruner)), validation_data=(x, y))
    require(model, 0.7, "uniform")
    for epoch in (2, 3):  # 16 and 24 steps: the schedule ends at 12
        require(keras.models.load_model(tmp_path / f"{epoch}.keras"), 0.7, "uniform")


def test_after_an_interrupted_fit_zeros_stay_and_a_pruner_goes_on(k, tmp_path):
    class Interrupt(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 6:
                raise KeyboardInterrupt

    model = compiled(k)
    with pytest.raises(KeyboardInterrupt):
        fit(model, MagnitudePruning(SCHEDULE), Interrupt())
    before = tfcompress.sparsity(model).total
    assert 0.3 < before < 0.7
    fit(model, epochs=1)
    assert tfcompress.sparsity(model).total == before  # never dense again without a word
    model.save(tmp_path / "m.keras")
    assert tfcompress.sparsity(k.models.load_model(tmp_path / "m.keras")).total == before
    fit(model, MagnitudePruning(SCHEDULE))
    require(model, 0.7, "global")
    fit(model, epochs=1)
    assert tfcompress.sparsity(model).total < 0.1  # a fit that ended has let go


def test_frozen_kernels_are_left_alone_with_a_message(k, capsys):
    model = network(k)
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    fit(model, MagnitudePruning(0.5))
    report = tfcompress.sparsity(model)
    (frozen,) = [path for path in report if path.startswith("conv2d")]
    assert report[frozen] == 0
    assert f"{frozen} (frozen)" in str(report)
    assert f"Frozen kernels stay as they are: {frozen}" in capsys.readouterr().err


def test_an_unbuilt_model_is_refused_before_the_first_step(k):
    model = k.Sequential([k.layers.Dense(4)])
    model.compile("adam", "mse")
    with pytest.raises(tfcompress.ModelError, match="built"):
        model.fit(np.ones((8, 4)), np.ones((8, 4)), verbose=0, callbacks=[MagnitudePruning(0.5)])


def test_an_uncompiled_model_is_refused(k):
    pruner = MagnitudePruning(0.5)
    pruner.set_model(network(k))
    with pytest.raises(tfcompress.ModelError, match="compiled"):
        pruner.on_train_begin()


@pytest.mark.one_keras
def test_a_saved_model_loads_without_tfcompress(k, tmp_path):
    model = compiled(k)
    fit(model, MagnitudePruning(SCHEDULE))
    model.save(tmp_path / "m.keras")
    code = (
        f"import json, sys, numpy as np, {k.__name__} as k; m = k.models.load_model({str(tmp_path / 'm.keras')!r}); "
        "assert 'tfcompress' not in sys.modules; "
        "print(json.dumps([int((np.array(w) == 0).sum()) for w in m.get_weights() if w.ndim > 1]))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    kernels = [w for w in model.get_weights() if w.ndim > 1]
    assert json.loads(ran.stdout.splitlines()[-1]) == [int((w == 0).sum()) for w in kernels]
