"""Fixtures that every test may use: one TensorFlow process, both Kerases, no noise."""

import os

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
