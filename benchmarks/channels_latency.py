"""Shares of the time of ResNet-8's int8 file: what was asked of `prune_channels(latency=)`, and what the file takes.

    python -m benchmarks.channels_latency MODEL [--shares 0.8 0.7 0.6]

MODEL is a trained .keras file of images. Nothing is trained: the time of a file is not in its weights. Widths stay
multiples of 4, and the first layer loses channels too. Latency is a paired ratio to the int8 file of the unpruned
model, one thread.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.frontier import latency_ratio
from benchmarks.record import Record
from tfcompress import convert, prune_channels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.8, 0.7, 0.6])
    arguments = parser.parse_args()
    model = keras.models.load_model(arguments.model, compile=False)
    samples = np.random.default_rng(0).uniform(0, 255, (20, *model.input_shape[1:])).astype("float32")
    base, record = convert(model, samples=samples), Record("channels_latency", "model", "budget")
    for unit, share in [("macs", 0.5), *(("latency", share) for share in arguments.shares)]:
        smaller = prune_channels(model, **{unit: share}, round_to=4, keep_first=False)
        record.add(
            model=arguments.model.stem,
            budget=f"{unit}={share}",
            latency_ratio=latency_ratio(convert(smaller, samples=samples), base, turns=40),
            MACs_left=smaller.channels.macs_share,
            parameters_left=smaller.channels.params_share,
            widths=" ".join(str(row.after.width) for row in smaller.channels.rows),
        )


if __name__ == "__main__":
    main()
