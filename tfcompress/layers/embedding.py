"""Tables whose rows ids look up.

In: a layer. Out: its spec.
"""

from __future__ import annotations

from tfcompress.layers.channel_rules import kernel_rules
from tfcompress.layers.spec import KernelLayout, LayerSpec

TABLE = {"embeddings": KernelLayout(scales=(), inputs=(0,), outputs=(1,), outputs_last=True, trained=False)}

SPECS = (LayerSpec(("Embedding",), kernels=TABLE, channels=kernel_rules.embedding),)
