"""Tables whose rows ids look up.

In: a layer, a `Quantizer`, ids. Out: its spec, and its form.
"""

from __future__ import annotations

from typing import Any

from tfcompress.layers.channel_rules import kernel_rules
from tfcompress.layers.example import Example
from tfcompress.layers.layer_spec import KernelLayout, LayerSpec
from tfcompress.layers.quantizer import Quantizer

TABLE = {"embeddings": KernelLayout(scales=(), inputs=(0,), outputs=(1,), outputs_last=True, trained=False)}


def embedding(_: Quantizer, layer: Any, ids: Any, **__: Any) -> Any:
    """Rows of the table, by ids that are not negative."""
    import tensorflow as tf

    table = tf.convert_to_tensor(layer.embeddings)
    return tf.gather(table, ids if ids.dtype in (tf.int32, tf.int64) else tf.cast(ids, tf.int32))


_EXAMPLE = Example(
    "Embedding", lambda k, x: k.layers.GlobalAveragePooling1D()(k.layers.Embedding(20, 8)(x)), shape=(5,), ids=20
)

SPECS = (
    LayerSpec(("Embedding",), examples=(_EXAMPLE,), kernels=TABLE, channels=kernel_rules.embedding, int8=embedding),
)
