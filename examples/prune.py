"""Prune a trained CNN to 80 % zeros in `model.fit`, convert it to int8, and see what the zeros do to its size."""

from __future__ import annotations

import argparse

import tfcompress
from examples import digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", choices=["keras", "tf_keras"], default="keras", help="Keras 3 or Keras 2")
    parser.add_argument("--sparsity", type=float, default=0.8, help="share of weights to set to zero")
    arguments = parser.parse_args()

    x_train, x_test, y_train, y_test = digits.load()
    model = digits.build(arguments.keras)
    digits.train(model, x_train, y_train)
    dense = tfcompress.convert(model, "int8", samples=x_train[:300])
    print("before", tfcompress.sparsity(model), sep="\n")
    comparisons = {"int8": tfcompress.compare(model, dense, x_test, y_test)}

    pruner = tfcompress.MagnitudePruning(arguments.sparsity)
    model.fit(x_train, y_train, batch_size=32, epochs=10, verbose=0, callbacks=[pruner])
    sparse = tfcompress.convert(model, "int8", samples=x_train[:300])
    comparisons["pruned, int8"] = tfcompress.compare(model, sparse, x_test, y_test)

    print("after", tfcompress.sparsity(model), sep="\n")
    print(tfcompress.report(comparisons, title=f"Digits CNN, {arguments.keras}, {len(x_test)} unseen images"))


if __name__ == "__main__":
    main()
