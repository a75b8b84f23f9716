"""Kernels of four bits in training: what is trained is what runs, steps are learned, models are saved and loaded."""

import numpy as np
import pytest

from tests.conversion.test_int4_weights import network
from tfcompress import Runner, convert, quantize_aware
from tfcompress.errors import DataError, SettingError


@pytest.fixture
def data(rng):
    return rng.normal(size=(128, 12, 12, 3)).astype(np.float32), rng.integers(0, 10, 128)


def trained(k, model, data, **settings):
    qat_model = quantize_aware(model, "int8x4", samples=data[0], **settings)
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    qat_model.compile(k.optimizers.Adam(1e-3), loss)
    qat_model.fit(*data, epochs=2, verbose=0)
    return qat_model


def kernels(tflite):
    return {op.outputs[0].name: op.inputs[1].dtype for op in tflite.ops if "CONV" in op.name or "FULLY" in op.name}


@pytest.mark.one_keras
@pytest.mark.parametrize("keep_int8", [None, []])
def test_what_is_trained_is_what_runs(k, data, keep_int8):
    qat_model = trained(k, network(k), data, keep_int8=keep_int8)
    tflite = convert(qat_model)
    assert tflite.manifest["settings"]["quantization"] == "int8x4"
    assert list(kernels(tflite).values()).count("int4") == (3 if keep_int8 is None else 7)
    found, ours = Runner(tflite, runtime="reference").predict(data[0]), qat_model.predict(data[0], verbose=0)
    assert (np.abs(found - ours) <= 1.01 * tflite.outputs[0].scale).mean() >= 0.99


@pytest.mark.one_keras
def test_the_table_tells_the_kernels_of_four_bits(k, data):
    rows = {row.path: row.scheme for row in quantize_aware(network(k), "int8x4").quantization}
    assert "4 bits" in rows["middle"]
    assert "pointwise_kernel of 4 bits" in rows["separable"]
    assert "8" in rows["first"] or "int8" in rows["first"]
    assert "4 bits" not in rows["first"] + rows["last"] + rows["depthwise"]


@pytest.mark.one_keras
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving")
def test_steps_are_learned_and_the_model_is_saved_with_them(k, data, tmp_path, suffix):
    qat_model = trained(k, network(k), data)
    grown = [variable.numpy() for variable in qat_model.trainable_variables if "growth" in variable.name]
    assert len(grown) == 3
    assert all((part != 0).any() for part in grown)
    qat_model.save(tmp_path / f"model{suffix}")
    again = k.models.load_model(tmp_path / f"model{suffix}")
    assert again.origin.scheme == "int8x4"
    np.testing.assert_array_equal(again.predict(data[0], verbose=0), qat_model.predict(data[0], verbose=0))
    if suffix == ".keras":
        assert convert(again).content == convert(qat_model).content


def test_a_batch_norm_that_becomes_part_of_a_dense_layer_keeps_it_at_8_bits(k):
    layers = k.layers
    model = k.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, name="first"),
            layers.Dense(8, use_bias=False, name="normed"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(8, name="plain"),
            layers.Dense(3, name="last"),
        ]
    )
    rows = {row.path: row.scheme for row in quantize_aware(model, "int8x4").quantization}
    assert "4 bits" not in rows["normed"]
    assert "4 bits" in rows["plain"]


@pytest.mark.one_keras
def test_a_frozen_layer_keeps_its_steps(k, data):
    model = network(k)
    model.get_layer("middle").trainable = False
    qat_model = trained(k, model, data)
    grown = {v.name: v.numpy() for v in qat_model.get_layer("middle").weights if "growth" in v.name}
    assert len(grown) == 1
    assert not any(part.any() for part in grown.values())
    qat_model.get_layer("middle").trainable = True
    assert any("growth" in v.name for v in qat_model.get_layer("middle").trainable_weights)


def test_the_scheme_is_that_of_training(k, data):
    qat_model = quantize_aware(network(k), "int8x4", samples=data[0])
    with pytest.raises(DataError, match="needs samples"):
        convert(qat_model, "int8")
    with pytest.raises(SettingError, match="keep_int8"):
        quantize_aware(network(k), "int8", keep_int8=["first"])


def test_the_gradient_of_a_step_is_that_of_the_paper(rng):
    import tensorflow as tf

    from tfcompress.layers.rounding import round_to_steps

    weights, step = tf.constant(rng.normal(size=50).astype(np.float32)), tf.Variable(0.2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(weights)
        found = round_to_steps(weights, step, 7)
        total = tf.reduce_sum(found)
    ratio = weights.numpy() / 0.2
    inside = np.abs(ratio) <= 7
    np.testing.assert_allclose(found, np.clip(np.rint(ratio), -7, 7) * np.float32(0.2), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(total, weights), inside.astype(np.float32))
    wanted = np.where(inside, np.rint(ratio) - ratio, np.sign(ratio) * 7).sum()
    np.testing.assert_allclose(tape.gradient(total, step), wanted, rtol=1e-4)


def test_means_of_images_and_dense_layers_round_as_their_kernels_do(k, rng):
    layers, x = k.layers, rng.normal(size=(256, 8, 8, 6)).astype(np.float32)
    model = k.Sequential(
        [layers.Input((8, 8, 6)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(9), layers.Dense(4)]
    )
    qat_model = quantize_aware(model, "int8x4", samples=x, keep_int8=[])
    tflite = convert(qat_model)
    apart = np.abs(Runner(tflite, runtime="reference").predict(x) - qat_model.predict(x, verbose=0))
    assert (apart < 0.01 * tflite.outputs[0].scale).mean() > 0.99


@pytest.mark.one_keras
@pytest.mark.parametrize("scheme", ["int8", "int8x4"])
def test_separable_convolutions_round_between_their_parts_as_kernels_do(k, rng, scheme):
    layers, x = k.layers, rng.normal(size=(64, 8, 8, 6)).astype(np.float32)
    draw = {"bias_initializer": k.initializers.RandomNormal(stddev=0.3)}
    model = k.Sequential([layers.Input((8, 8, 6)), layers.SeparableConv2D(12, 3, **draw)])
    qat_model = quantize_aware(model, scheme, samples=x, keep_int8=[] if scheme == "int8x4" else None)
    tflite = convert(qat_model)
    apart = np.abs(Runner(tflite, runtime="reference").predict(x) - qat_model.predict(x, verbose=0))
    assert (apart < 0.01 * tflite.outputs[0].scale).mean() > 0.999
