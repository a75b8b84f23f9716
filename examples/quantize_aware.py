"""Train a small network on scikit-learn's digits, train it on with int8 in the loop, convert without samples.

python -m examples.quantize_aware
"""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfcompress


def main() -> None:
    keras.utils.set_random_seed(1)
    digits = load_digits()
    images = digits.images[..., None].astype("float32")
    x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=1)

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Conv2D(16, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.SeparableConv2D(32, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=30, verbose=0)

    qat_model = tfcompress.quantize_aware(model)
    print(qat_model.quantization)
    qat_model.fit(x, y, epochs=5, verbose=0)

    tflite = tfcompress.convert(qat_model)  # its ranges are trained: no samples
    print(tfcompress.compare(qat_model, tflite, x_test, y_test))
    print(tflite)


if __name__ == "__main__":
    main()
