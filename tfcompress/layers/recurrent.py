"""Layers that go through a sequence step by step.

In: a layer. Out: its spec. Kernels belong to the cell.
"""

from __future__ import annotations

from tfcompress.layers.channel_rules import recurrent_rules
from tfcompress.layers.spec import KernelLayout, LayerSpec

CELL = {"kernel": KernelLayout(trained=False), "recurrent_kernel": KernelLayout(trained=False)}

SPECS = (
    LayerSpec(("LSTM", "GRU", "SimpleRNN"), channels=recurrent_rules.recurrent, result="float", note=""),
    LayerSpec(("Bidirectional",), channels=recurrent_rules.bidirectional, result="float", note=""),
    LayerSpec(("TimeDistributed",), channels=recurrent_rules.distributed, result="float", note=""),
    LayerSpec(("LSTMCell", "GRUCell", "SimpleRNNCell"), kernels=CELL, result="float", note=""),
)
