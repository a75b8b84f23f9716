"""Tables whose rows ids look up.

In: a layer. Out: its spec.
"""

from __future__ import annotations

from tfcompress.layers.spec import KernelLayout, LayerSpec

TABLE = {"embeddings": KernelLayout(scales=(), inputs=(0,), outputs=(1,), outputs_last=True, trained=False)}

SPECS = (LayerSpec(("Embedding",), kernels=TABLE),)
