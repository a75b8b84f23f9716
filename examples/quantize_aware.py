"""Train a small CNN on handwritten digits, train it on with int8 in the loop, and convert it without samples."""

from __future__ import annotations

import argparse

import tfcompress
from examples import digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    arguments = parser.parse_args()

    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build(arguments.keras)
    digits.train(model, x_train, y_train)

    qat_model = tfcompress.quantize_aware(model)
    print(qat_model.quantization)
    qat_model.fit(x_train, y_train, batch_size=32, epochs=5, verbose=0)

    tflite = tfcompress.convert(qat_model)  # its ranges are trained: no samples
    print(tfcompress.compare(model, tflite, x_test, y_test))
    print(tflite)


if __name__ == "__main__":
    main()
