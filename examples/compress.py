"""The best file of the digits model under 8 kB: bits, zeros, channels and training are chosen for you."""

from __future__ import annotations

import argparse
from pathlib import Path

import tfcompress
from examples import digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the files")
    parser.add_argument("--flash", type=int, default=8_000, help="bytes that the file may have")
    parser.add_argument("--epochs", type=int, default=20, help="of all training")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    x_train, x_test, y_train, y_test = digits.load()
    held = len(x_train) // 5  # candidates are chosen by images that none of them was trained on
    model = digits.build(arguments.keras)
    digits.train(model, x_train[held:], y_train[held:])
    found = tfcompress.compress(
        model,
        (x_train[held:], y_train[held:]),
        validation=(x_train[:held], y_train[:held]),
        test=(x_test, y_test),
        flash=arguments.flash,
        epochs=arguments.epochs,
    )
    print(found)
    print(found.best.tflite.save(arguments.output / f"digits_{arguments.keras}_best.tflite"))
    print(found.save(arguments.output / f"digits_{arguments.keras}_front.html"))


if __name__ == "__main__":
    main()
