"""Norms, attention and what masks leave in: computed as Keras does, and trained as the file computes it in int16."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfcompress
from tests.layers.trained_files import require_agreement
from tests.properties.graphs import run
from tfcompress.conversion.export_forms import integer_forms
from tfcompress.layers.quantizer import WIDEST_INVERSE
from tfcompress.layers.rounding import from_table
from tfcompress.litert.graph import Graph, Op, Quantization, Value
from tfcompress.litert.inspect import float_ops


def masked_models(k):
    words, x = k.Input((6,), dtype="int32"), k.Input((6, 4))
    tokens = k.layers.Embedding(9, 8, mask_zero=True)(words)
    scored = k.layers.MultiHeadAttention(2, 4)
    yield words, k.layers.GlobalAveragePooling1D()(k.layers.Dense(5)(tokens))
    yield words, k.layers.GlobalAveragePooling1D()(k.layers.MultiHeadAttention(2, 4)(tokens, tokens))
    yield words, scored(tokens, tokens, use_causal_mask=True)
    yield x, k.layers.GlobalAveragePooling1D()(k.layers.Dense(3)(k.layers.Masking()(x)))
    yield x, k.layers.Softmax()(x, mask=x > -0.5)


@pytest.fixture(params=range(5))
def masked(request, k, rng):
    entry, output = list(masked_models(k))[request.param]
    model = k.Model(entry, output)
    x = rng.integers(0, 9, (16, 6)) if "int" in str(entry.dtype) else rng.normal(size=(16, 6, 4)).astype("float32")
    x[:, 4:] = 0
    x[:8, 2:] = 0
    x[:, 0] = 1  # of no step at all there is no mean
    if request.param == 4:
        x[..., 0] = 1
    return model, x


def test_forms_follow_masks_as_keras_does(masked):
    model, x = masked
    expected = np.array(model(x, training=False))
    with integer_forms(model):
        found = np.array(model(x, training=False))
    kept = np.ones(found.shape, bool)
    if found.ndim == 3 and model.inputs[0].shape[1:] == (6,):
        kept[x == 0] = False  # what attention makes of steps that are masked is of no use
    np.testing.assert_allclose(found[kept], expected[kept], atol=2e-4)


def test_training_follows_masks(masked):
    model, x = masked
    qat_model = tfcompress.quantize_aware(model, samples=x)
    expected, found = (np.array(each(x, training=False)) for each in (model, qat_model))
    kept = x != 0 if expected.ndim == 3 and x.ndim == 2 else np.ones(len(x), bool)
    noise, signal = np.mean(np.square(found[kept] - expected[kept])), np.mean(np.square(expected[kept]))
    assert 10 * np.log10(signal / noise) > 25, "a mask that is lost costs far more than int8"


@pytest.mark.one_keras
@pytest.mark.parametrize("number", [-1.0, 9.0])
def test_what_masks_another_number_than_zero_is_followed_as_the_file_has_it(k, number, rng):
    """Int8 holds neither number itself, but the one next to it."""
    k.utils.set_random_seed(0)
    entry = k.Input((6, 4))
    model = k.Model(entry, k.layers.GRU(3)(k.layers.Masking(mask_value=number)(entry)))
    x = rng.normal(size=(128, 6, 4)).astype("float32")
    x[:64, 3:] = number
    qat_model = tfcompress.quantize_aware(model, samples=x)
    assert qat_model.quantization.gaps == []
    ours = qat_model.predict(x, verbose=0)
    tflite = tfcompress.convert(qat_model)
    assert float_ops(tflite) == []
    found = tfcompress.Runner(tflite, runtime="reference").predict(x)
    assert (np.abs(ours - found) < 1.01 * tflite.outputs[0].scale).mean() > 0.99
    expected = model.predict(x, verbose=0)
    assert np.abs(ours - expected)[:64].max() < 0.2 * np.ptp(expected), "what is masked is not read"


def test_norms_train_as_their_files_compute(rng):
    entry = keras.Input((8, 16))
    layers = keras.layers
    x = layers.Dense(16)(entry)
    norms = [layers.LayerNormalization(name="layer"), layers.GroupNormalization(4, name="group")]
    norms += [layers.RMSNormalization(name="rms"), layers.UnitNormalization(name="unit")]
    normed = [norm(x) for norm in norms]
    model = keras.Model(entry, [*normed, *(layers.Dense(3, name=f"read_{norm.name}")(norm.output) for norm in norms)])
    data = (rng.normal(size=(64, 8, 16)) * rng.uniform(0.2, 3, (64, 8, 1))).astype("float32")
    require_agreement(model, data)


@pytest.mark.parametrize("largest", [1.0, 7.3, 0.02])
def test_the_table_of_the_int16_kernel(largest):
    """All positive numbers of int16, against the reference kernel of RSQRT."""
    graph, count = Graph("main"), 32767
    end = WIDEST_INVERSE / np.sqrt(largest)
    x, y = (graph.add(Value(name, (1, count), "int16")) for name in "xy")
    for value, bound in ((x, largest), (y, end)):
        value.quantization = Quantization(scales=np.float32([bound / count]), zero_points=np.int64([0]))
    graph.append(Op("RSQRT", [x], [y], None, 3))
    graph.inputs, graph.outputs = [x], [y]
    steps = np.arange(1, count + 1, dtype=np.int16)
    device = run(graph, steps[np.newaxis])[0][0] * (end / count)
    ours = from_table(tf.math.rsqrt, tf.constant(steps * (largest / count), "float32"), largest, end).numpy()
    np.testing.assert_allclose(ours, device, rtol=1e-3, atol=3 * end / count)


@pytest.mark.parametrize("which", [0, 1, 3])
def test_files_follow_masks_as_they_were_trained(which, rng):
    entry, output = list(masked_models(keras))[which]
    model = keras.Model(entry, output)
    x = rng.integers(0, 9, (64, 6)) if which < 3 else rng.normal(size=(64, 6, 4)).astype("float32")
    x[:32, 2:] = 0
    x[:, 0] = 1
    qat_model = tfcompress.quantize_aware(model, samples=x)
    assert qat_model.quantization.gaps == []
    tflite = tfcompress.convert(qat_model)
    assert float_ops(tflite) == []
    found = tfcompress.Runner(tflite, runtime="reference").predict(x)
    found = next(iter(found.values())) if isinstance(found, dict) else found
    steps = np.abs(qat_model.predict(x, verbose=0) - found) / tflite.outputs[0].scale
    assert (steps < 1.01).mean() > 0.99


NORMS = {
    "LayerNormalization": {"epsilon": 0.3},
    "GroupNormalization": {"groups": 2, "epsilon": 0.3},
    "GroupNormalization, one channel each": {"groups": -1, "epsilon": 0.01},
    "RMSNormalization": {"epsilon": 0.3},
    "UnitNormalization": {},
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_are_those_of_keras_with_their_own_epsilon(k, rng, name):
    layer = getattr(k.layers, name.partition(",")[0], None)
    if layer is None:
        pytest.skip("this Keras has none")
    model = k.Sequential([k.Input((5, 4)), layer(**NORMS[name])])
    x = rng.normal(0.2, 0.5, (16, 5, 4)).astype("float32") * [1, 2, 3, 4]
    expected = np.array(model(x, training=False))
    with integer_forms(model):
        found = np.array(model(x, training=False))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_hard_sigmoid_is_that_of_its_keras(k, rng, kind):
    """One is x / 6 + 1 / 2, the other x / 5 + 1 / 2."""
    layer = getattr(k.layers, kind)(4, recurrent_activation="hard_sigmoid", unroll=True)
    model = k.Sequential([k.Input((3, 5)), layer])
    layer.set_weights([3 * rng.normal(size=each.shape) for each in layer.get_weights()])
    x = rng.normal(size=(16, 3, 5)).astype("float32")
    expected = np.array(model(x, training=False))
    with integer_forms(model):
        found = np.array(model(x, training=False))
    np.testing.assert_allclose(found, expected, atol=1e-4)
