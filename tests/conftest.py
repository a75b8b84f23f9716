"""Fixtures that every test may use: one TensorFlow process, both Kerases, no noise."""

import importlib.util
import os
import random
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from tfcompress.errors import MissingPackageError


@pytest.fixture(params=["keras", "tf_keras"])
def k(request):
    """Each of the two Kerases in turn, as the module itself."""
    module = pytest.importorskip(request.param)
    module.utils.set_random_seed(7)
    yield module
    module.backend.clear_session()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


MICRO = importlib.util.find_spec("tflite_micro") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Skip, with the reason, what needs tflite-micro where it is not installed: it is an extra, for Linux alone."""
    random.seed(7)  # the same random weights in every run: both Kerases take the seeds of initializers from these two
    np.random.seed(7)
    if not MICRO and item.get_closest_marker("micro"):
        pytest.skip("tflite-micro is not installed")
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _skipping())


def _skipping():
    try:
        return (yield)
    except MissingPackageError as error:
        if MICRO or "tflite-micro" not in str(error):
            raise
        pytest.skip("tflite-micro is not installed")


def pytest_collection_modifyitems(items):
    """Make the other half of `one_keras` slow; give slow tests half an hour; setup.cfg has the limit of the others."""
    for item in items:
        if item.get_closest_marker("one_keras") and not _is_its_turn(item):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


def _is_its_turn(item):
    """Whether a case is one for the Keras it is in: as on a chessboard, so that both meet every other parameter."""
    places = dict(item.callspec.indices) if hasattr(item, "callspec") else {}
    if "k" not in places:
        return True
    of_keras = places.pop("k")
    return (zlib.crc32(item.originalname.encode()) + sum(places.values()) + of_keras) % 2 == 0
