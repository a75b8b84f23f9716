"""Numbers of bytes as people write them: 64k is 64,000.

In: a text. Out: a number.
"""

from __future__ import annotations

import argparse
import re

FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}


def byte_count(text: str) -> int:
    """Read a number of bytes, such as 65536, 64k or 1.5M."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", text.strip().lower().removesuffix("b"))
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes, such as 65536, 64k or 1.5M")
    return round(float(found[1]) * FACTORS[found[2]])
