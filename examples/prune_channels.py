"""Take half of the multiplications out of a trained CNN, fine-tune it, convert it to int8, and compare."""

from __future__ import annotations

import argparse
from pathlib import Path

import tfcompress
from examples import digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    parser.add_argument("--macs", type=float, default=0.5, help="share of multiply-accumulates to keep")
    parser.add_argument("--output", type=Path, help="folder for a picture of the widths and for the int8 file")
    arguments = parser.parse_args()

    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build(arguments.keras)
    digits.train(model, x_train, y_train)
    print(tfcompress.channel_graph(model, keep_first=False), "\n")

    smaller = tfcompress.prune_channels(model, macs=arguments.macs, round_to=4, keep_first=False)
    print(smaller.channels, "\n")
    digits.train(smaller, x_train, y_train, epochs=10)

    files = {
        "int8": tfcompress.convert(model, samples=x_train[:300]),
        "half the MACs, int8": tfcompress.convert(smaller, samples=x_train[:300]),
    }
    models = dict(zip(files, (model, smaller), strict=True))
    comparisons = {name: tfcompress.compare(models[name], files[name], x_test, y_test) for name in files}
    print(tfcompress.before_after(*files.values()), "\n")
    print(tfcompress.report(comparisons, title=f"Digits CNN, {arguments.keras}, {len(x_test)} unseen images"))
    if arguments.output:
        smaller.channels.save(arguments.output / "widths.svg")
        files["half the MACs, int8"].save(arguments.output / "smaller.tflite")


if __name__ == "__main__":
    main()
