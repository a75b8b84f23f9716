"""Quantization-aware training of ResNet-8 on JPEG-coded CIFAR-10: accuracy, agreement with the .tflite, cost of a step.

    python -m benchmarks.qat_resnet8 DATA MODEL [--epochs 3] [--rate 2e-4] [--distill] [--prune 0.8] [--cost]

DATA is a folder with cifar10_jpeg_{train,test}.npz, MODEL a .keras file.
"""

import argparse
import itertools
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfcompress
from tfcompress import Runner, convert, quantize_aware


def images(path):
    file = np.load(path)
    jpeg, offsets = file["jpeg"], file["offsets"]
    x = np.stack([tf.io.decode_jpeg(jpeg[a:b].tobytes()).numpy() for a, b in itertools.pairwise(offsets)])
    return x, file["labels"].astype("int32")


def augmented(x, y, batch=128):
    def change(image, label):
        image = tf.image.random_flip_left_right(tf.cast(image, "float32"))
        image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
        return tf.image.random_crop(image, [32, 32, 3]), label

    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x))
    return rows.map(change, tf.data.AUTOTUNE).batch(batch).prefetch(2)


def cost(model, qat_model, x, y, rounds=30):
    """Seconds a step of both, one after the other in every round."""
    times = {}
    for each in (model, qat_model):
        each.compile("adam", "sparse_categorical_crossentropy")
        for _ in range(3):
            each.train_on_batch(x, y)
    for _ in range(rounds):
        for name, each in (("float", model), ("qat", qat_model)):
            start = time.perf_counter()
            each.train_on_batch(x, y)
            times.setdefault(name, []).append(time.perf_counter() - start)
    ratio = np.median(np.array(times["qat"]) / np.array(times["float"]))
    print({name: round(float(np.median(t)), 4) for name, t in times.items()}, f"ratio {ratio:.3f}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", type=Path)
    arguments.add_argument("model")
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--rate", type=float, default=2e-4)
    arguments.add_argument("--distill", action="store_true", help="1,000 unlabelled images and a teacher")
    arguments.add_argument("--cost", action="store_true")
    options = arguments.parse_args()
    keras.utils.set_random_seed(1)
    model = keras.models.load_model(options.model)
    x, y = images(options.data / "cifar10_jpeg_train.npz")
    x_test, y_test = images(options.data / "cifar10_jpeg_test.npz")
    qat_model = quantize_aware(model, samples=x[:500].astype("float32"), distill=options.distill or None)
    if options.cost:
        cost(model, qat_model, x[:128].astype("float32"), y[:128])
        return
    if options.distill:
        x, y = x[:1000], np.zeros(1000, "int32")
    steps = options.epochs * -(-len(x) // 128)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(options.rate, steps))
    data = augmented(x, y)
    if options.distill:
        qat_model.compile(optimizer)
        data = data.map(lambda image, label: image)
    else:
        qat_model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    qat_model.fit(data, epochs=options.epochs, verbose=2)
    qat_model.save("qat_resnet8.keras")
    tflite = convert(qat_model)
    test = x_test.astype("float32")
    in_keras = qat_model.predict(test, batch_size=500, verbose=0)
    on_device = Runner(tflite, runtime="reference").predict(test)
    step = tflite.outputs[0].scale
    print(
        "accuracy in Keras", (in_keras.argmax(1) == y_test).mean(), "as .tflite", (on_device.argmax(1) == y_test).mean()
    )
    print("top-1 agreement", (in_keras.argmax(1) == on_device.argmax(1)).mean())
    print("within one step", (np.abs(in_keras - on_device) <= 1.01 * step).mean(), "bytes", tflite.size)
    print(tfcompress.__version__)


if __name__ == "__main__":
    main()
