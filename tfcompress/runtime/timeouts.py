"""How long a runtime may take for one sample before it counts as hung.

In: a `TFLiteModel`. Out: seconds.
"""

from __future__ import annotations

from tfcompress.litert.subgraph_runs import runs
from tfcompress.litert.tflite_model import TFLiteModel

SECONDS = 60.0
SECONDS_PER_MAC = 2e-8
"""The slowest kernels do 50 million multiplications a second; a file has that long and a minute for one sample."""

MAX_SECONDS = 900.0


def sample_timeout(tflite: TFLiteModel) -> float:
    """Return the seconds that one sample may take; a damaged file may claim any number of multiplications."""
    return min(MAX_SECONDS, SECONDS + SECONDS_PER_MAC * runs(tflite).macs)
