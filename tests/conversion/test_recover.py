"""What `recover=True` does before weights are rounded: factors of channels, ranges by results, stages of a file."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tfcompress import Runner, convert, layer_errors, quantize
from tfcompress.comparison.mixed_precision import MixedPrecisionRunner
from tfcompress.conversion.batch_engine import BatchEngine
from tfcompress.conversion.channel_factors import channel_factors
from tfcompress.conversion.ranges_by_result import range_by_results
from tfcompress.conversion.samples import write_samples
from tfcompress.conversion.staged_run import StagedRun
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.graph import Signature
from tfcompress.litert.passes.equalize_channels import KEY, channel_groups, equalize, factors_of, note, noted
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.tflite_model import TFLiteModel


def network(k):
    """A residual stream, a depthwise layer, a ReLU6, a concatenation and a dense layer behind a mean."""
    layers = k.layers
    image = layers.Input((8, 8, 3), name="image")
    stream = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(image)
    inner = layers.Conv2D(10, 1, activation="relu", name="inner")(stream)
    inner = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu", name="depthwise")(inner)
    inner = layers.Conv2D(6, 1, name="back")(inner)
    stream = layers.ReLU(name="rectified")(layers.Add(name="sum")([stream, inner]))
    cut = layers.Conv2D(5, 1, activation="relu6", name="cut")(stream)
    joined = layers.Concatenate(name="joined")([layers.Conv2D(4, 1, name="part")(cut), cut])
    pooled = layers.GlobalAveragePooling2D(name="pool")(layers.Conv2D(7, 1, name="last")(joined))
    return k.Model(image, layers.Dense(4, activation="softmax", name="classes")(pooled), name="network")


def signed(content):
    """Return a float file whose signature has the names of samples."""
    file = read_graph(content)
    sides = [
        [(f"{kind}_{i}", value) for i, value in enumerate(side)]
        for kind, side in (("input", file.main.inputs), ("output", file.main.outputs))
    ]
    file.main.signatures = [Signature("serving_default", *sides)]
    return file


def laid_down(tflite, x, folder):
    (spec,) = tflite.inputs
    return write_samples(x, [type(spec)(spec.name, (None, *spec.shape[1:]), spec.dtype)], folder)


@pytest.fixture
def x(rng):
    return rng.normal(size=(60, 8, 8, 3)).astype(np.float32)


def test_factors_change_no_output_and_stop_where_they_would(k, x, rng):
    model = network(k)
    for layer in model.layers:
        layer.set_weights([rng.normal(size=array.shape) / 3 for array in layer.get_weights()])
    floats = convert(model, "float32")
    file = read_graph(floats.content)
    groups = channel_groups(file.main)
    stream = next(group for group in groups if any(op.kind == "ADD" for op in (v.producer for v in group.values)))
    # Outputs of the first layer, of "back" and the sum; what ReLU6 cuts and what is joined have no factors.
    assert sorted(group.channels for group in groups) == [6, 7, 10, 20]
    assert len(stream.values) == 3
    assert (len(stream.writers), len(stream.readers)) == (2, 2)
    exponents = {group.name: [int(each) for each in rng.integers(-6, 6, group.channels)] for group in groups}
    equalize(file.main, exponents)
    changed = TFLiteModel(write_graph(file))
    np.testing.assert_allclose(Runner(changed).predict(x), Runner(floats).predict(x), atol=1e-5)
    twins = zip(file.main.ops, floats.file.main.ops, strict=True)
    kernels = [(op.inputs[1].data, twin.inputs[1].data) for op, twin in twins if "CONV" in op.kind]
    assert [bool((one != other).any()) for one, other in kernels].count(False) == 1  # "part", between two that are cut


def test_factors_undo_what_makes_channels_unlike(x, tmp_path):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="a"),
            layers.Conv2D(5, 3, name="b"),
        ]
    )
    unlike = np.float32([1, 1 / 4, 1, 8])
    kernel, bias = model.get_layer("a").get_weights()
    model.get_layer("a").set_weights([kernel * unlike, bias])
    kernel, bias = model.get_layer("b").get_weights()
    model.get_layer("b").set_weights([kernel / unlike[:, np.newaxis], bias])
    floats = convert(model, "float32")
    found = channel_factors(signed(floats.content), laid_down(floats, x, tmp_path))
    (exponents,) = found.values()
    left = unlike * factors_of(exponents)
    assert left.max() / left.min() < 3  # of 32


def test_factors_bring_no_channel_near_the_cut_of_relu6(x, tmp_path):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu6", name="a"),
            layers.Conv2D(5, 3, name="b"),
        ]
    )
    kernel, bias = model.get_layer("a").get_weights()
    model.get_layer("a").set_weights([kernel * np.float32([8, 1 / 2, 1 / 8, 1 / 32]), bias])
    floats = convert(model, "float32")
    file = signed(floats.content)
    found = channel_factors(file, laid_down(floats, x, tmp_path))
    (exponents,) = found.values()
    factors = factors_of(exponents)
    reached = keras.Model(model.inputs, model.get_layer("a").output).predict(x, verbose=0).max(axis=(0, 1, 2))
    assert reached[0] == 6
    assert factors[0] == 1, "what is cut already"
    assert factors[3] > 4
    assert (factors[1:] * reached[1:] <= 4 * 1.001).all()
    equalize(file.main, found)
    changed = TFLiteModel(write_graph(file))
    np.testing.assert_allclose(Runner(changed).predict(x), Runner(floats).predict(x), atol=1e-4)


def test_what_a_file_tells_of_its_factors_is_read_with_care(x):
    import keras

    file = read_graph(convert(network(keras), "float32").content)
    note(file, {"a": [1, -2]})
    assert noted(read_graph(write_graph(file))) == {"a": [1, -2]}
    for wrong in (b"", b"no zlib", b"x\x9c\xab\x06\x00\x01u\x00\xf9"):
        file.set_metadata(KEY, wrong)
        assert noted(file) == {}


def test_ranges_hold_what_the_reader_makes_use_of(x, tmp_path):
    import keras

    layers = keras.layers
    image = layers.Input((8, 8, 3))
    high = layers.Conv2D(3, 1, name="high", use_bias=False)(image)
    low = layers.Conv2D(3, 1, name="low")(image)
    model = keras.Model(image, layers.Conv2D(2, 1, name="last")(layers.ReLU()(layers.Add()([high, low]))))
    model.get_layer("high").set_weights([np.eye(3)[np.newaxis, np.newaxis]])
    model.get_layer("low").set_weights([np.zeros((1, 1, 3, 3)), np.float32([0.1, 0.2, 0.3])])
    floats = convert(model, "float32")
    file, calibration = signed(floats.content), laid_down(floats, x, tmp_path)
    total = next(op for op in file.main.ops if op.kind == "ADD")
    value = next(
        each for each in total.inputs if each.producer.inputs[2] is None or not each.producer.inputs[2].data.any()
    )
    for each in total.inputs:
        each.range = (float(x.min()), float(x.max()))
    range_by_results(file, calibration, lambda op: False)
    assert value.range == (float(x.min()), float(x.max()))
    range_by_results(file, calibration, lambda op: True)
    assert -0.8 < value.range[0] < 0  # x + 0.3 and less is cut off below zero
    assert value.range[1] > 2


def test_a_file_run_in_stages_holds_what_it_holds_at_once(x, tmp_path):
    import keras

    keras.utils.set_random_seed(2)
    floats = convert(network(keras), "float32")
    file = signed(floats.content)
    for name in ("samples", "stages"):
        (tmp_path / name).mkdir()
    calibration = laid_down(floats, x, tmp_path / "samples")
    results = [op.outputs[0] for op in file.main.ops]
    engine, expected = BatchEngine(file, results, calibration), {}
    engine.run(lambda number, batch: expected.update({(number, v): batch[v].copy() for v in results}), lambda _: None)
    staged = StagedRun(file, calibration, 40, tmp_path / "stages")
    ran, ops = [], file.main.ops
    for op, following in zip(ops[1::2], ops[2::2], strict=False):
        staged.run_until(op)
        ran.append(len([*(tmp_path / "stages").iterdir()]))
        staged.run_until(following, also=op.outputs)
        whole = np.concatenate([expected[number, op.outputs[0]] for number in range(engine.rounds)])
        assert staged.holds(op.outputs[0]) is op.outputs[0]
        np.testing.assert_allclose(staged.values(op.outputs[0]), whole[:40], rtol=1e-4, atol=1e-6)
    assert max(ran) <= 3  # what nobody reads any more is gone from the disk


def small_network(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((8, 8, 3), name="image"),
            layers.Conv2D(6, 3, activation="relu", name="a"),
            layers.Conv2D(4, 3, name="b"),
        ]
    )


@pytest.mark.one_keras
def test_a_recovered_file_is_compared_layer_by_layer(k, x):
    model = small_network(k)
    model.get_layer("a").bias.assign(np.linspace(-0.5, 0.5, 6))
    tflite = convert(model, samples=x, recover=True)
    assert noted(tflite.file)
    errors = layer_errors(model, tflite, x[:20])
    assert min(row.sqnr for row in errors.rows) > 20
    mixed, y = MixedPrecisionRunner(convert(model, "float32"), tflite), model.predict(x[:20], verbose=0)
    plans = ({}, dict.fromkeys(mixed.finer["int16"], "int16"))
    wrong = [float(((mixed.run({"image": x[:20]}, plan)[tflite.outputs[0].name] - y) ** 2).mean()) for plan in plans]
    assert wrong[1] < 0.5 * wrong[0]
    assert not noted(convert(model, samples=x).file)


def test_a_float_file_is_recovered_whatever_its_inputs_are_called(x):
    pytest.importorskip("litert_quantizer")
    import keras

    keras.utils.set_random_seed(3)
    model = small_network(keras)
    tflite = quantize(convert(model, "float32"), samples=x, recover=True)
    assert tflite.inputs[0].name == "image"
    y = model.predict(x, verbose=0)
    assert ((Runner(tflite).predict(x) - y) ** 2).mean() < 1e-3 * (y**2).mean()


def test_few_samples_to_learn_from_are_told(x, tmp_path):
    spec = TensorSpec("image", (None, 8, 8, 3), "float32")
    many = np.concatenate([x] * 4)
    for count, recover, told in ((199, True, True), (200, True, False), (199, False, False)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            write_samples(many[:count], [spec], tmp_path, recover)
        assert any("learns weights from 199 samples" in str(each.message) for each in caught) == told


def test_steps_that_are_no_samples_learn_as_well(rng):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [layers.Input((6, 5)), layers.Dense(8, activation="relu"), layers.Dense(7), layers.Flatten(), layers.Dense(3)]
    )
    x = rng.normal(size=(70, 6, 5)).astype(np.float32)
    tflite = convert(model, "int8x4", samples=x, recover=True, keep_int8=[])
    y, nearest = model.predict(x, verbose=0), convert(model, "int8x4", samples=x, keep_int8=[])
    errors = [float(((Runner(each).predict(x) - y) ** 2).mean()) for each in (tflite, nearest)]
    assert errors[0] < errors[1]


def test_shifts_of_layers_that_do_not_learn_are_taken_back_once(rng):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(6)
    shared = layers.Dense(8, activation="relu")
    entry = layers.Input((6,))
    model = keras.Model(entry, layers.Dense(4)(shared(shared(layers.Dense(8, activation="relu")(entry)))))
    x = rng.uniform(0, 2, size=(200, 6)).astype(np.float32)
    y = model.predict(x, verbose=0)
    shifts = []
    for recover in (False, True):
        tflite = convert(model, "int8x4", samples=x, keep_int8=[], recover=recover)
        shifts.append(float(np.abs((Runner(tflite, runtime="reference").predict(x) - y).mean(axis=0)).max()))
    assert shifts[1] < min(shifts[0], 2 * tflite.outputs[0].scale)


def test_dilated_and_pruned_kernels_learn_on_every_processor():
    """Without oneDNN TensorFlow has no gradient of conv2d with dilations; zeros stay zeros and are no part of it."""
    code = """
import keras, numpy as np
from tfcompress import Runner, convert
L, rng = keras.layers, np.random.default_rng(0)
keras.utils.set_random_seed(1)
model = keras.Sequential([
    L.Input((8, 8, 3)), L.Conv2D(8, 3, dilation_rate=2, padding="same", activation="relu", name="a"),
    L.DepthwiseConv2D(3, dilation_rate=2, padding="same"), L.Flatten(), L.Dense(10, name="d"),
])
for name in "ad":
    kernel = model.get_layer(name).kernel
    kernel.assign(kernel * (rng.random(kernel.shape) < 0.3))
x = rng.normal(size=(60, 8, 8, 3)).astype("float32")
y = model.predict(x, verbose=0)
files = [convert(model, "int8x4", samples=x, keep_int8=[], recover=recover) for recover in (False, True)]
print(*[float(((Runner(each, runtime="reference").predict(x) - y) ** 2).mean()) for each in files])
"""
    told = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr[-2000:]
    nearest, learned = map(float, told.stdout.split()[-2:])
    assert learned < nearest
