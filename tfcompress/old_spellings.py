"""What is called otherwise in the libraries that people come from: TF-MOT, TFLiteConverter, ai-edge-quantizer.

In: a name, a keyword or a recipe of theirs. Out: an error that says how it is spelt here. docs/from_tfmot.md explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tfcompress.errors import SettingError, TfcompressError

P = ParamSpec("P")
T = TypeVar("T")

_PRUNE = "model.fit(…, callbacks=[tfcompress.MagnitudePruning(schedule)]) on the model itself, without wrappers"
_QUANTIZE = "tfcompress.quantize_aware(model)"
_SOME_LAYERS = "tfcompress.quantize_aware(model, include=[…]) or exclude=[…], by names or classes of layers"
_CUSTOM = "a method int8_call(quantizer, x) of the layer, see docs/quantization.md"
_CONVERT = 'tfcompress.convert(model, "int8", samples=…), which returns the file'
_CLUSTER = "model.fit(…, callbacks=[tfcompress.WeightClustering(16)]) on the model itself, without wrappers"

NAMES = {
    # TF-MOT: pruning
    "prune_low_magnitude": _PRUNE,
    "UpdatePruningStep": "the callback tfcompress.MagnitudePruning(schedule), which needs no other",
    "PruningSummaries": "tfcompress.MagnitudePruning(schedule, log_dir=…)",
    "PrunableLayer": "nothing: all trainable kernels are pruned, of custom layers too; choose with include=",
    "PruningPolicy": "tfcompress.MagnitudePruning(schedule, include=[…])",
    "PruneForLatencyOnXNNPack": "tfcompress.MagnitudePruning(schedule, include=[…])",
    "prune_scope": "nothing: a model in pruning is an ordinary model to save and load",
    "strip_pruning": "nothing: there are no wrappers to strip",
    # TF-MOT: quantization-aware training
    "quantize_model": _QUANTIZE,
    "quantize_apply": _QUANTIZE,
    "quantize_annotate_model": _SOME_LAYERS,
    "quantize_annotate_layer": _SOME_LAYERS,
    "quantize_scope": "nothing: after `import tfcompress`, keras.models.load_model needs no scope",
    "QuantizeConfig": _CUSTOM,
    "Default8BitPrunePreserveQuantizeScheme": f"{_QUANTIZE}, which keeps the zeros of a pruned model by itself",
    # TF-MOT: clustering
    "cluster_weights": _CLUSTER,
    "cluster_scope": "nothing: a model in clustering is an ordinary model to save and load",
    "strip_clustering": "nothing: there are no wrappers to strip",
    "CentroidInitialization": "nothing: tfcompress.WeightClustering(16) finds its values by k-means++",
    "ClusterableLayer": "nothing: all trainable kernels are clustered, of custom layers too; choose with include=",
    "Default8BitClusterPreserveQuantizeScheme": f"{_QUANTIZE}, which keeps the clusters of a kernel by itself",
    # TensorFlow
    "TFLiteConverter": _CONVERT,
    "Optimize": _CONVERT,
    "OpsSet": _CONVERT,
    "RepresentativeDataset": "tfcompress.convert(model, samples=…)",
    "Interpreter": "tfcompress.Runner(tflite).predict(x)",
    # ai-edge-quantizer
    "Quantizer": 'tfcompress.quantize("float.tflite", "int8", samples=…)',
    "recipe": 'tfcompress.quantize("float.tflite", "int8", samples=…, keep_float=[…])',
}
"""By a name of theirs, what does the same here."""

KEYWORDS = {
    # TF-MOT
    "pruning_schedule": "MagnitudePruning(schedule), the first argument",
    "block_size": 'pattern=("block", (b, a)) for block_size=(a, b): blocks are output × input here',
    "block_pooling_type": "nothing: blocks are ranked by the mean magnitude of their weights",
    "sparsity_m_by_n": 'pattern="2:4" for sparsity_m_by_n=(2, 4)',
    "pruning_policy": "include=[…] or exclude=[…], by names or classes of layers",
    "number_of_clusters": "WeightClustering(16), the first argument",
    "cluster_centroids_init": "nothing: the values are found by k-means++",
    "preserve_sparsity": "nothing: zeros of a pruned kernel stay zero",
    "quantize_config": _CUSTOM,
    "scheme": '"int8", the second argument; zeros and clusters of a model are kept without a scheme',
    # TFLiteConverter
    "representative_dataset": "samples=…: the same generator function, an array, a dataset, a folder of images",
    "optimizations": 'quantization="int8", "int16x8", "dynamic" or "float16", the second argument',
    "target_spec": 'quantization="int8", "int16x8", "dynamic" or "float16", the second argument',
    "supported_ops": 'quantization="int8", every op of which is proven to be integer; extra_ops=("Erf",) for Flex ops',
    "supported_types": 'quantization="float16", the second argument',
    "inference_input_type": 'io="int8", "uint8", "int16" or "float32", for inputs and outputs',
    "inference_output_type": 'io="int8", "uint8", "int16" or "float32", for inputs and outputs',
    "allow_custom_ops": 'extra_ops=("Erf",), by name',
    # ai-edge-quantizer
    "quantization_recipe": 'quantization="int8", the second argument, and keep_float=[…]',
    "calibration_data": "samples=…",
    "calibration_result": "samples=…: ranges are measured in the same call",
}
"""By a keyword of theirs, what does the same here."""


def raise_if_old_name(name: str) -> None:
    """Raise where a name is one of theirs.

    Raises:
        TfcompressError: it is. No `AttributeError`, which `from tfcompress import …` would replace by its own.
    """
    if name in NAMES:
        raise TfcompressError(f"tfcompress.{name} is spelt otherwise here.", hint=f"Write {NAMES[name]}.")


def tells_old_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function say how a keyword of theirs is spelt here, where Python would call it unexpected."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs.keys() & KEYWORDS.keys():
            raise SettingError(
                f"{name}= is spelt otherwise here.", received=f"{name}=…", hint=f"Write {KEYWORDS[name]}."
            )
        return function(*args, **kwargs)

    return call


def raise_if_recipe(quantization: object) -> None:
    """Raise where a kind of quantization is a recipe of ai-edge-quantizer: a list of dicts.

    Raises:
        SettingError: it is; with the kind that does the same, where one does.
    """
    rows = quantization if isinstance(quantization, list | tuple) else [quantization]
    if rows and all(isinstance(row, Mapping) and "algorithm_key" in row for row in rows):
        spellings = dict.fromkeys(_spelling(row) for row in rows)
        raise SettingError(
            "A recipe of ai-edge-quantizer is a word and a list of layers here.",
            received=f"a recipe of {len(rows)} rules",
            hint=f"Write {' and '.join(spellings)}.",
        )


def _spelling(rule: Mapping[str, Any]) -> str:
    """Return what does the same as a rule of a recipe."""
    if rule["algorithm_key"] == "no_quantize":
        return f"keep_float=[…] with globs for {rule.get('regex')!r}"
    config = rule.get("op_config") or {}
    bits = (config.get("weight_tensor_config") or {}).get("num_bits", 8)
    activations = config.get("activation_tensor_config") or {}
    if activations.get("num_bits") == 16:
        return 'tfcompress.convert(model, "int16x8", samples=…), from the Keras model'
    if activations:
        return 'tfcompress.quantize(file, "int8", samples=…)'
    if str(config.get("compute_precision")).endswith("INTEGER"):
        return 'tfcompress.quantize(file, "dynamic"), with int8 weights'
    kind = {16: "float16", 4: "weight_only_int4"}.get(bits, "weight_only_int8")
    return f'tfcompress.quantize(file, "{kind}")'
