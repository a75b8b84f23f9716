"""Models whose weights Keras 3 has quantized itself, by `model.quantize("int8")` and the like.

In: a model of either Keras. Out: nothing, or an error that names the layers. Such layers hold rounded integers and
compute with ops that LiteRT does not have; what we quantize and prune are float kernels.
"""

from __future__ import annotations

from tfcompress.errors import ModelError
from tfcompress.keras_compat import model_view
from tfcompress.typing import KerasModel


def require_float_weights(model: KerasModel) -> None:
    """Raise `ModelError` where Keras has quantized a layer: "int8", "int4", "float8", "gptq" or "awq"."""
    modes = {
        path: mode
        for path, layer in model_view.layers(model)
        if (mode := getattr(getattr(layer, "dtype_policy", None), "quantization_mode", None))
    }
    if modes:
        raise ModelError(
            "A model with float weights is needed.",
            received=f"{model.name!r}, which Keras' own model.quantize has quantized: "
            + ", ".join(f"{path} ({mode})" for path, mode in modes.items()),
            hint="Take the float model, as it was before model.quantize: prune and train it, and have "
            'tfcompress.convert(model, "int8", samples=…) quantize it at the end.',
        )
