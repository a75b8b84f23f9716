"""Fixtures that every test may use: one TensorFlow process, both Kerases, no noise."""

import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Draw the same random weights in every run: both Kerases take the seeds of initializers from these two."""
    random.seed(7)
    np.random.seed(7)


def pytest_collection_modifyitems(items):
    """Give slow tests half an hour; setup.cfg has the limit of the others."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))
