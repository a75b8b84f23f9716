"""Two logical devices, so that a strategy has something to mirror; set before TensorFlow starts."""

import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def strategy():
    """Both devices, for all tests: a second strategy in one process meets the collective keys of the first."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
