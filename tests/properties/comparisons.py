"""Comparisons of a small file, built by hand: what a report is made of."""

import numpy as np

import tfcompress
from tests.foreign_files import Graph, empty_model, schema
from tfcompress.comparison.metric_score import Score
from tfcompress.comparison.result import Comparison
from tfcompress.litert.flatbuffer import pack


def net(names=("first", "second"), zeros=(0.25, 0.5)):
    """A file of dense layers of 4 × 4, with a share of zeros each."""
    model = empty_model()
    graph = Graph(model)
    x = first = graph.tensor((1, 4))
    for name, share in zip(names, zeros, strict=True):
        weights = np.where(np.arange(16) < 16 * share, 0, 1).reshape(4, 4)
        y = graph.tensor((1, 4), name=name)
        graph.op("FULLY_CONNECTED", [x, graph.constant(weights), -1], [y], schema.FullyConnectedOptionsT())
        x = y
    graph.ends([first], [x])
    return tfcompress.TFLiteModel(pack(model))


ACCURACY = Score(
    "accuracy", 0.9, 0.875, (-0.04, -0.01), limit=0.05, higher_is_better=True, verdict="passed", in_points=True
)
ERROR = Score("box/mae", 1.5, 1.75, (0.2, 0.3), limit=0.1, higher_is_better=False, verdict="failed")


def comparison(*scores, **others):
    settings = {"agreement": 0.98, "max_error": 0.5, "mean_error": 0.0625, "output_range": 4.0} | others
    return Comparison(net(), "litert", 1200, scores=scores, **settings)
