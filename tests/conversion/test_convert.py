"""Properties of converted files: what was asked for, proven from the bytes."""

import numpy as np
import pytest

import tfcompress
from tests.models import images, nested, small_cnn, three_inputs
from tfcompress.litert.inspect import float_ops


@pytest.mark.parametrize(
    ("io", "inside"), [(None, "int8"), ("int8", "int8"), ("uint8", "uint8"), ("float32", "float32")]
)
def test_int8_is_integer_throughout(k, rng, io, inside):
    tflite = tfcompress.convert(small_cnn(k), "int8", samples=images(rng), io=io)
    assert {spec.dtype for spec in (*tflite.inputs, *tflite.outputs)} == {inside}
    assert float_ops(tflite) == []
    allowed = {"QUANTIZE", "DEQUANTIZE"}
    for op in tflite.ops:
        assert op.name in allowed or not any(tensor.is_float for tensor in (*op.inputs, *op.outputs))
    kernels = [op.inputs[1] for op in tflite.ops if op.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}]
    assert all(kernel.dtype == "int8" and len(kernel.scales) > 1 for kernel in kernels), "per channel"


def test_each_kind_is_what_it_says(k, rng):
    model = small_cnn(k)
    sizes = {}
    for kind in ("float32", "float16", "dynamic", "int8"):
        tflite = tfcompress.convert(model, kind, samples=images(rng) if kind == "int8" else None)
        types = {tensor.dtype for graph in tflite.subgraphs for tensor in graph if tensor.bytes > 1000}
        assert types == {{"float32": "float32", "float16": "float16"}.get(kind, "int8")}
        assert tflite.manifest["settings"]["quantization"] == kind
        sizes[kind] = sum(tensor.bytes for graph in tflite.subgraphs for tensor in graph)
    assert sizes["int8"] < sizes["float16"] < sizes["float32"]


def test_names_are_the_keras_names_and_shapes_are_static(k, rng):
    tflite = tfcompress.convert(nested(k), samples=images(rng))
    assert [spec.name for spec in tflite.inputs] == ["image"]
    assert {spec.name for spec in tflite.outputs} == {"left", "right"}
    assert all(spec.shape[0] == 1 and None not in spec.shape for spec in (*tflite.inputs, *tflite.outputs))
    assert not {op.name for op in tflite.ops} & {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_three_inputs_are_bound_by_name(k, rng):
    model = three_inputs(k)
    data = {name: rng.random((60, size), dtype=np.float32) for name, size in (("zeta", 2), ("alpha", 3), ("mid", 4))}
    tflite = tfcompress.convert(model, samples=data)
    assert {spec.name: spec.shape for spec in tflite.inputs} == {"zeta": (1, 2), "alpha": (1, 3), "mid": (1, 4)}
    assert tfcompress.compare(model, tflite, data).max_error < 0.05
    with pytest.raises(tfcompress.DataError, match="by name only"):
        tfcompress.convert(model, samples=list(data.values()))


def test_names_that_a_graph_cannot_hold(rng):
    import tf_keras

    image = tf_keras.Input((4,), name="my image: 1")
    model = tf_keras.Model(image, tf_keras.layers.Dense(2)(image))
    tflite = tfcompress.convert(model, samples=rng.random((60, 4)))
    assert tflite.inputs[0].name == "my image: 1"


def test_one_tensor_as_two_outputs_and_an_input_as_output(k, rng):
    x = k.Input((4,), name="x")
    y = k.layers.Dense(4, name="y")(x)
    model = k.Model(x, [y, y])
    tflite = tfcompress.convert(model, "float32")
    data = rng.random((3, 4), dtype=np.float32)
    found = tfcompress.Runner(tflite).predict(data)
    assert sorted(found) == ["y", "y_1"]
    np.testing.assert_allclose(found["y"], model.predict(data, verbose=0)[0], rtol=1e-4)
    np.testing.assert_array_equal(found["y"], found["y_1"])


def test_the_manifest_travels_in_the_file(k, rng, tmp_path):
    x = images(rng)
    model = small_cnn(k)
    path = tfcompress.convert(model, samples=x).save(tmp_path / "m.tflite")
    manifest = tfcompress.load(path).manifest
    assert manifest["tfcompress"] == tfcompress.__version__
    assert manifest["settings"] == {"quantization": "int8", "io": "int8"}
    assert manifest["calibration"]["samples"] == len(x)
    np.testing.assert_allclose(manifest["calibration"]["ranges"]["image"], [x.min(), x.max()])
    assert manifest["model"]["sha256"] == tfcompress.keras_compat.model_view.fingerprint(model)
    assert manifest["model"]["keras"] == k.__name__
    assert {"conv", "depthwise", "digit"} <= set(manifest["layers"].values())


def test_the_same_inputs_give_the_same_bytes(k, rng):
    model, x = small_cnn(k), images(rng)
    assert tfcompress.convert(model, samples=x) == tfcompress.convert(model, samples=x)


def test_constant_data_is_aligned_for_microcontrollers(k, rng):
    content = tfcompress.convert(small_cnn(k), samples=images(rng)).content
    from ai_edge_litert import schema_py_generated as schema

    model, starts = schema.Model.GetRootAs(content, 0), []
    for index in range(model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        if isinstance(data, np.ndarray) and data.size:
            start = (
                data.__array_interface__["data"][0] - np.frombuffer(content, np.uint8).__array_interface__["data"][0]
            )
            starts.append(start)
    assert len(starts) > 5, "the kernels and biases of three layers at least"
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_a_float_op_is_an_error_that_names_op_and_layer(k, rng):
    import tensorflow as tf

    class Remainder(k.layers.Layer):
        def call(self, x):
            return tf.math.floormod(x, 0.3)

    model = k.Sequential(
        [k.layers.Input((4,)), k.layers.Dense(4), Remainder(name="remainder"), k.layers.Dense(2, name="last")]
    )
    with pytest.raises(tfcompress.ConversionError) as caught:
        tfcompress.convert(model, samples=rng.random((60, 4)))
    assert "FLOOR_MOD (layer remainder)" in str(caught.value)


def test_an_op_outside_the_builtins_is_an_error(k):
    import tensorflow as tf

    class Inverse(k.layers.Layer):
        def call(self, x):
            return tf.linalg.inv(x)

    model = k.Sequential([k.layers.Input((3, 3)), Inverse(name="inverse")])
    with pytest.raises(tfcompress.ConversionError, match="MatrixInverse"):
        tfcompress.convert(model, "float32")


def test_open_sizes_come_from_the_samples(k, rng):
    layers = k.layers
    model = k.Sequential(
        [layers.Input((None, None, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    )
    assert tfcompress.convert(model, samples=rng.random((60, 8, 9, 3))).inputs[0].shape == (1, 8, 9, 3)
    with pytest.raises(tfcompress.ModelError, match="static shapes"):
        tfcompress.convert(model, "float32")
    sizes = (rng.random((8, 8 + i % 2, 3)) for i in range(60))
    with pytest.raises(tfcompress.DataError, match="one shape"):
        tfcompress.convert(model, samples=sizes)


def test_integer_inputs_stay_integers(k, rng):
    model = k.Sequential(
        [k.layers.Input((5,), dtype="int32", name="ids"), k.layers.Embedding(10, 4), k.layers.Flatten()]
    )
    tflite = tfcompress.convert(model, "dynamic")
    ids = rng.integers(0, 10, (7, 5))
    assert tflite.inputs[0].dtype == "int32"
    np.testing.assert_allclose(tfcompress.Runner(tflite).predict(ids), model.predict(ids, verbose=0), atol=0.01)


BAD_SAMPLES = {
    "none": None,
    "no samples": np.zeros((0, 8, 8, 1)),
    "shape": np.zeros((60, 9, 8, 1)),
    "rank": np.zeros((60, 64)),
    "nan": np.full((60, 8, 8, 1), np.nan),
    "infinity": np.full((60, 8, 8, 1), -np.inf),
    "text": np.full((60, 8, 8, 1), "a"),
    "all the same": np.ones((60, 8, 8, 1)),
    "an empty generator": iter(()),
}


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_bad_samples_are_refused(name):
    import keras

    with pytest.raises(tfcompress.DataError):
        tfcompress.convert(small_cnn(keras), samples=BAD_SAMPLES[name])


def test_few_samples_bring_a_warning(k, rng):
    with pytest.warns(tfcompress.TfcompressWarning, match="7 calibration samples are few"):
        tfcompress.convert(small_cnn(k), samples=images(rng, 7))


def test_unknown_settings_list_the_known(k, rng):
    for settings, known in [
        ({"quantization": "int4"}, "'dynamic'"),
        ({"quantization": "int8", "io": "int16"}, "'uint8'"),
        ({"quantization": "float32", "io": "int8"}, "'float32'"),
    ]:
        with pytest.raises(tfcompress.SettingError, match=known):
            tfcompress.convert(small_cnn(k), samples=images(rng), **settings)


def test_an_unbuilt_model_is_refused(k, rng):
    with pytest.raises(tfcompress.ModelError, match="built"):
        tfcompress.convert(k.Sequential([k.layers.Dense(3)]), samples=images(rng))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_converted_from_a_float32_twin(k, rng, policy, capsys):
    x = images(rng)
    k.mixed_precision.set_global_policy(policy)
    try:
        model = small_cnn(k)
    finally:
        k.mixed_precision.set_global_policy("float32")
    tflite = tfcompress.convert(model, samples=x)
    assert "float32 twin" in capsys.readouterr().err
    assert np.abs(tfcompress.Runner(tflite).predict(x) - model.predict(x, verbose=0)).max() < 0.03


def test_what_cannot_be_exported_is_our_error(k, rng):
    import tensorflow as tf

    class OnlyFour(k.layers.Layer):
        def call(self, x):
            return tf.reshape(x, (4, -1))

    inputs = k.Input((3,))
    model = k.Model(inputs, OnlyFour()(inputs))
    with pytest.raises(tfcompress.ModelError, match="one sample"):
        tfcompress.convert(model, "float32")


def test_a_variable_that_keras_does_not_track_is_exported(rng):
    import keras
    import tensorflow as tf

    class Hidden(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.hidden = [tf.Variable(2.0)]

        def call(self, x):
            return x * self.hidden[0]

    model = keras.Sequential([keras.layers.Input((3,)), Hidden()])
    found = tfcompress.Runner(tfcompress.convert(model, "float32")).predict(np.ones((1, 3)))
    assert found.tolist() == [[2.0, 2.0, 2.0]]


def test_threads_take_turns(rng):
    from concurrent.futures import ThreadPoolExecutor

    import keras

    models, x = [small_cnn(keras, name=f"net{i}") for i in range(4)], images(rng)
    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(lambda model: tfcompress.convert(model, samples=x).size, models))
    assert all(size > 1000 for size in sizes)


def test_the_fingerprint_tells_relu_from_tanh(k):
    def build(activation):
        return k.Sequential([k.layers.Input((3,)), k.layers.Dense(2, activation, kernel_initializer="ones")], name="m")

    assert tfcompress.keras_compat.model_view.fingerprint(
        build("relu")
    ) != tfcompress.keras_compat.model_view.fingerprint(build("tanh"))
