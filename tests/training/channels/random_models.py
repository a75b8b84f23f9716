"""Random architectures of everything whose channels can be followed, from the Keras module they are given."""

import numpy as np
import tensorflow as tf

ZERO_AT_ZERO = ("relu", "tanh", "elu", "linear", "selu", "gelu", "swish")
ANYTHING = (*ZERO_AT_ZERO, "sigmoid", "softplus")


class TensorFlow:
    """The operations of keras.ops that are used here, under their names in TensorFlow."""

    mean, split, concatenate = tf.reduce_mean, tf.split, tf.concat
    relu, relu6, sigmoid, reshape, transpose = tf.nn.relu, tf.nn.relu6, tf.sigmoid, tf.reshape, tf.transpose


class Architect:
    """Draws models; the same seed draws the same model."""

    def __init__(self, k, seed, activations=ZERO_AT_ZERO):
        self.k, self.rng, self.activations = k, np.random.default_rng(seed), activations
        self.l, self.o = k.layers, k.ops if hasattr(k, "ops") else TensorFlow

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def act(self):
        return self.pick(*self.activations)

    def width(self):
        return int(self.pick(4, 6, 8, 12))

    # one picture in, one picture out

    def conv(self, x):
        kwargs = dict(padding="same", activation=self.act(), use_bias=self.pick(True, False))
        return self.l.Conv2D(self.width(), self.pick(1, 3), **kwargs)(x)

    def grouped(self, x):
        groups = self.pick(*[g for g in (2, 3, x.shape[-1]) if x.shape[-1] % g == 0] or [1])
        return self.l.Conv2D(groups * self.pick(1, 2, 4), 3, groups=groups, padding="same")(x)

    def depthwise(self, x):
        return self.l.DepthwiseConv2D(3, padding="same", depth_multiplier=self.pick(1, 2), activation=self.act())(x)

    def separable(self, x):
        return self.l.SeparableConv2D(self.width(), 3, padding="same", depth_multiplier=self.pick(1, 2))(x)

    def transposed(self, x):
        return self.l.AveragePooling2D(2)(self.l.Conv2DTranspose(self.width(), 3, strides=2, padding="same")(x))

    def norm(self, x):
        return self.l.BatchNormalization()(x)

    def group_norm(self, x):
        return self.l.GroupNormalization(groups=2 if x.shape[-1] % 2 == 0 else -1)(x)

    def activation(self, x):
        return self.pick(self.l.Activation(self.act()), self.l.ReLU(6.0), self.l.LeakyReLU())(x)

    def prelu(self, x):
        return self.l.PReLU("uniform", shared_axes=self.pick([1, 2], None, [1]))(x)

    def pads(self, x):
        return self.l.Cropping2D(((0, 2), (1, 1)))(self.l.ZeroPadding2D(1)(x))

    def pool(self, x):
        return self.pick(self.l.MaxPooling2D, self.l.AveragePooling2D)(3, strides=1, padding="same")(x)

    def residual(self, x):
        branch = self.l.Conv2D(x.shape[-1], 3, padding="same")(self.conv(x))
        return self.l.Add()([x, self.norm(branch)])

    def projected(self, x):
        width = self.width()
        return self.pick(self.l.Add, self.l.Average)()([self.l.Conv2D(width, 1)(x), self.l.Conv2D(width, 1)(x)])

    def squeeze_excite(self, x):
        gate = self.l.GlobalAveragePooling2D()(x)
        if self.pick(True, False):
            gate = self.l.Reshape((1, 1, x.shape[-1]))(gate)
            gate = self.l.Conv2D(x.shape[-1], 1, activation="sigmoid")(self.l.Conv2D(4, 1, activation="relu")(gate))
        else:
            gate = self.l.Dense(x.shape[-1], activation="sigmoid")(self.l.Dense(4, activation="relu")(gate))
            gate = self.l.Reshape((1, 1, -1))(gate)
        return self.l.Multiply()([x, gate])

    def concat(self, x):
        return self.l.Concatenate()([x, self.conv(x), self.depthwise(x)])

    def nested(self, x):
        inner = [self.l.Input(x.shape[1:]), self.l.Conv2D(x.shape[-1], 3, padding="same"), self.l.BatchNormalization()]
        inner = self.k.Sequential([*inner, self.l.ReLU()])
        return inner(inner(x)) if self.pick(True, False) else inner(x)

    def nested_functional(self, x):
        start = self.l.Input(x.shape[1:])
        inner = self.k.Model(start, self.residual(start))
        return self.l.Add()([inner(x), x])

    def shared(self, x):
        layer = self.l.Conv2D(x.shape[-1], 3, padding="same")
        return self.l.Concatenate()([layer(x), layer(self.l.ReLU()(layer(x)))])

    def shuffle(self, x):
        _, height, width, channels = x.shape
        if channels % 2:
            return x
        x = self.l.Reshape((height, width, 2, channels // 2))(x)
        return self.l.Reshape((height, width, channels))(self.l.Permute((1, 2, 4, 3))(x))

    def operations(self, x):
        return x * 0.5 + self.l.ReLU()(x) if self.pick(True, False) else (x + x) * self.l.Activation("sigmoid")(x)

    def raw_excite(self, x):
        gate = self.o.mean(x, [1, 2], keepdims=True)
        gate = self.l.Conv2D(x.shape[-1], 1)(self.o.relu6(self.l.Conv2D(4, 1)(gate) + 0.0))
        return x * self.o.sigmoid(gate)

    def raw_halves(self, x):
        if x.shape[-1] % 2:
            return x
        one, two = self.o.split(x, 2, axis=-1)
        return self.o.concatenate([self.o.relu(one), self.l.DepthwiseConv2D(3, padding="same")(two), x], axis=-1)

    def raw_shuffle(self, x):
        _, height, width, channels = x.shape
        if channels % 2:
            return x
        x = self.o.transpose(self.o.reshape(x, (-1, height, width, 2, channels // 2)), (0, 1, 2, 4, 3))
        return self.o.reshape(x, (-1, height, width, channels))

    def cut(self, x):
        return self.l.Concatenate()([x[:, :, ::-1], self.conv(x)[:, :, :, : x.shape[-1] // 2]])

    # one picture in, one result out

    def flat(self, x):
        return self.l.Dense(self.width(), activation=self.act())(self.l.Flatten()(x))

    def pooled(self, x):
        return self.l.Dense(self.width(), activation=self.act())(self.l.GlobalAveragePooling2D()(x))

    def steps(self, x):
        return self.l.Reshape((x.shape[1] * x.shape[2], x.shape[3]))(x)

    def recurrent(self, x):
        layer = self.pick(self.l.LSTM, self.l.GRU, self.l.SimpleRNN)(6, return_sequences=True)
        x = self.l.Bidirectional(layer)(self.steps(x)) if self.pick(True, False) else layer(self.steps(x))
        return self.l.GRU(4)(x)

    def attention(self, x):
        x = self.l.Dense(8)(self.steps(x))
        x = self.l.Add()([x, self.l.MultiHeadAttention(4, 3)(x, x)])
        return self.l.GlobalAveragePooling1D()(self.l.Dense(6, activation=self.act())(x))

    def sequence(self, x):
        x = self.l.Conv1D(6, 3)(self.steps(x))
        x = self.l.TimeDistributed(self.l.Dense(4))(x)
        x = self.l.EinsumDense("abc,cd->abd", (x.shape[1], 6), bias_axes="d")(x)
        return self.l.Flatten()(self.l.AveragePooling1D(2)(x))

    BLOCKS = (
        "conv grouped depthwise separable transposed norm group_norm activation prelu pads pool residual projected "
        "squeeze_excite concat nested nested_functional shared shuffle operations raw_excite raw_halves raw_shuffle cut"
    )
    HEADS = "flat pooled recurrent attention sequence"

    def draw(self, blocks=6):
        """Return a model of a picture, with one or two results."""
        image = self.l.Input((6, 6, 3), name="image")
        x, before = self.l.Conv2D(8, 3, padding="same", activation=self.act())(image), None
        for _ in range(blocks):
            y = getattr(self, self.pick(*self.BLOCKS.split()))(x)
            if before is not None and self.rng.random() < 0.3:  # a long connection
                y = self.l.Concatenate()([y, before]) if y.shape[1:3] == before.shape[1:3] else y
            before, x = x, y
        outputs = [self.l.Dense(3)(getattr(self, self.pick(*self.HEADS.split()))(x)) for _ in range(self.pick(1, 2))]
        model = self.k.Model(image, outputs)
        for variable in model.weights:
            low = 0.5 if "variance" in variable.name else -0.6
            variable.assign(self.rng.uniform(low, 0.8, variable.shape))
        return model
