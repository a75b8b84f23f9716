"""Times of single runs become milliseconds, their median and what one in ten is below and above."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress
from tests.properties.comparisons import net
from tfcompress.runtime import latency as module


def test_seconds_of_each_run_become_milliseconds_by_row(monkeypatch):
    asked = []

    def child(_):
        def ask(request, limit):
            asked.append((request["runtime"], request["threads"], request["seconds"]))
            return np.arange(101)[::-1] / 1000 * request["threads"]

        return SimpleNamespace(ask=ask, end=lambda: asked.append("ended"))

    monkeypatch.setattr(module, "ChildProcess", child)
    rows = tfcompress.latency(net(), runtimes=["litert", "reference"], threads=[1, 3], seconds=0.25).rows
    pairs = [(row.runtime, row.threads) for row in rows]
    assert asked == [each for pair in pairs for each in ((*pair, 0.25), "ended")]
    assert set(pairs) >= {("litert", 1), ("litert", 3), ("reference", 1)}
    for row in rows:
        assert row.runs == 101
        expected = np.array([10, 50, 90]) * row.threads
        assert (row.low, row.median, row.high) == pytest.approx(tuple(expected))
