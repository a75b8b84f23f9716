"""Every example in a public docstring runs."""

import doctest
import os
from types import ModuleType

import numpy as np
import pytest

import tfcompress
from tests.models import image_files, images, small_cnn
from tfcompress.result_base import Result


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What examples may use without saying where it comes from."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model, x = small_cnn(keras), images(rng, 200)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = model.predict(x, verbose=0).argmax(1)
    folder = tmp_path_factory.mktemp("examples")
    image_files(folder / "photos", rng, 60)
    model.save(folder / "model.keras")
    tflite = tfcompress.convert(model, samples=x)
    tflite.save(folder / "model.tflite")
    return {
        "folder": folder, "tfcompress": tfcompress, "np": np, "keras": keras, "model": model, "tflite": tflite,
        "floating": tfcompress.convert(model, "float32"),
        "x_train": x, "y_train": y, "x_test": x[:100], "y_test": y[:100],
        "comparison": tfcompress.compare(model, tflite, x, y),
    }  # fmt: skip


def public():
    return [getattr(tfcompress, name) for name in tfcompress.__all__]


NEEDS = (
    {"quantize": "litert_quantizer"}
    | dict.fromkeys(("export_c", "pack", "chips"), "tflite_micro")
    | {"compress": "optuna"}
)
"""Packages of an extra that an example needs."""


@pytest.mark.parametrize("thing", public(), ids=tfcompress.__all__)
def test_example(thing, names):
    if thing.__name__ in NEEDS:
        pytest.importorskip(NEEDS[thing.__name__])
    available = {name: getattr(tfcompress, name) for name in tfcompress.__all__} | names
    before = os.getcwd()
    os.chdir(names["folder"])
    try:
        example = doctest.DocTestParser().get_doctest(thing.__doc__, available, thing.__name__, None, 0)
        results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(example)
    finally:
        os.chdir(before)
    assert results.failed == 0
    results_and_errors = (Exception, Result)
    if not (isinstance(thing, ModuleType) or (isinstance(thing, type) and issubclass(thing, results_and_errors))):
        assert example.examples, "a public name needs an example"
