"""What `Layer.__call__` adds to a layer's computation is kept where it is computed on int8 grids."""

import numpy as np
import pytest

from tfcompress import quantize_aware


def conv(k, kind, **settings):
    return getattr(k.layers, kind)(4, 3, activation="relu", activity_regularizer=k.regularizers.L2(0.1), **settings)


class Costly:
    """A layer whose call adds a loss; made for either Keras."""

    @staticmethod
    def of(k):
        class CostlyLayer(k.layers.Layer):
            def call(self, x):
                self.add_loss(0.3 * (x[:, :1] ** 2)[0, 0, 0, 0] + 1.0)
                return x

        return CostlyLayer()


LAYERS = {
    "Conv2D": lambda k: conv(k, "Conv2D"),
    "SeparableConv2D": lambda k: conv(k, "SeparableConv2D"),
    "Conv2D, excluded": lambda k: conv(k, "Conv2D", name="apart"),
    "ReLU": lambda k: k.layers.ReLU(activity_regularizer=k.regularizers.L2(0.1)),
    "MultiHeadAttention": lambda k: Attention.of(k),
    "custom": Costly.of,
}


class Attention:
    """Self-attention over rows, with a regularizer of each projection."""

    @staticmethod
    def of(k):
        def layer(x):
            rows = k.layers.Reshape((8, 24))(x)
            heads = k.layers.MultiHeadAttention(2, 4, activity_regularizer=k.regularizers.L2(0.1))
            return heads(rows, rows)

        return layer


@pytest.mark.one_keras
@pytest.mark.parametrize("name", LAYERS)
def test_losses_of_layers_are_those_of_the_float_model(k, name, rng):
    entry = k.Input((8, 8, 3))
    output = k.layers.Dense(2)(k.layers.Flatten()(LAYERS[name](k)(entry)))
    model = k.Model(entry, output)
    x = rng.normal(size=(16, 8, 8, 3)).astype("float32")
    y = np.zeros((16, 2), "float32")
    model.compile(k.optimizers.SGD(0.0), "mse")
    qat_model = quantize_aware(model, samples=x, exclude="apart" if "excluded" in name else None)
    float_loss, plain = (model.evaluate(x, y, batch_size=16, verbose=0) for _ in range(2))
    assert float_loss == plain
    for loss in (
        qat_model.fit(x, y, batch_size=16, shuffle=False, verbose=0).history["loss"][0],
        qat_model.evaluate(x, y, 16, 0),
    ):
        assert abs(loss - float_loss) < 0.02 * float_loss
    mse = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
    assert float_loss > 1.05 * mse, "the test must see the losses of layers"


def own_class(k, base=None):
    class Own(base or k.Model):
        factor = 1.0

        def train_step(self, data):
            super().train_step(data)
            return {"my_loss": self.factor * 2.0}

    return Own


def functional(k, kind):
    entry = k.Input((8,), name="i")
    hidden = k.layers.Dense(16, activation="relu", name="h2")(k.layers.Dense(16, activation="relu", name="h")(entry))
    model = kind(entry, k.layers.Dense(3, activation="softmax", name="o")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_train_step_of_ones_own_is_kept(k, rng, tmp_path):
    import tfcompress

    kind = own_class(k)
    model = functional(k, kind)
    model.factor = 3.0
    x, y = rng.normal(size=(32, 8)).astype("float32"), np.arange(32) % 3
    qat_model = quantize_aware(model, samples=x)
    smaller = tfcompress.prune_channels(model, ratio=0.5, round_to=2)
    for made in (qat_model, smaller):
        assert made.fit(x, y, verbose=0).history["my_loss"] == [6.0]
    qat_model.save(tmp_path / "m.keras")
    loaded = k.models.load_model(tmp_path / "m.keras", custom_objects={kind.__name__: kind})
    assert "my_loss" in loaded.fit(x, y, verbose=0).history
    plain = tfcompress.strip_quantization(qat_model)
    assert type(plain) is kind
    assert plain.factor == 3.0


def test_a_class_that_cannot_be_kept_is_told_with_a_way_out_that_works(k, rng):
    import tfcompress

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(3, name="o")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            return {"my_loss": super().train_step(data)["loss"]}

    x, y = rng.normal(size=(32, 8)).astype("float32"), np.zeros((32, 3), "float32")
    model = Net()
    model(x)
    with pytest.warns(tfcompress.TfcompressWarning, match="train_step of the class Net is not kept"):
        qat_model = quantize_aware(model, samples=x)
    kind = own_class(k)
    steps = kind(inputs=qat_model.inputs, outputs=qat_model.outputs)
    steps.compile("sgd", "mse")
    assert steps.fit(x, y, verbose=0).history["my_loss"] == [2.0]
    tflite = tfcompress.convert(steps)
    assert (
        np.abs(tfcompress.Runner(tflite).predict(x) - steps.predict(x, verbose=0)).max()
        <= 1.01 * tflite.outputs[0].scale
    )


def test_a_loss_added_to_the_model_is_told():
    import tfcompress

    k = pytest.importorskip("tf_keras")
    entry = k.Input((4,))
    hidden = k.layers.Dense(3)(entry)
    model = k.Model(entry, k.layers.Dense(1)(hidden))
    model.add_loss(hidden[0, 0] * 0.1)
    with pytest.warns(tfcompress.TfcompressWarning, match="add_loss"):
        quantize_aware(model)
