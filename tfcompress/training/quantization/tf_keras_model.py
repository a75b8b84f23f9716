"""The class of quantization-aware tf_keras models; `tf_keras.models.load_model` imports this module by itself."""

from __future__ import annotations

from typing import Any

import tf_keras

from tfcompress.training.quantization import quantization_aware_model as shared
from tfcompress.training.quantization.cluster_preservation import keep_clusters
from tfcompress.training.quantization.sparsity_preservation import keep_zeros
from tfcompress.training.taught_models import TaughtTfKerasModel


@tf_keras.saving.register_keras_serializable("tfcompress")
class QuantizationAwareModel(TaughtTfKerasModel, tf_keras.Model):
    """A functional model that computes on int8 grids; made by `tfcompress.quantize_aware`."""

    def get_config(self) -> dict[str, Any]:
        """Return the float model's config and the paths that stay float."""
        return shared.config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Build the model again."""
        return shared.from_config(cls, "tf_keras", config, custom_objects)

    @property
    def origin(self) -> shared.Origin:
        """The float model and how this one was made of it."""
        return shared.origin_of(self)

    @property
    def lesson(self) -> Any:
        """What it learns from beside labels, if there is anything."""
        return self.origin.lesson

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by its name, or by its path where it was in a model inside the model."""
        return shared.layer_of(self, name) or super().get_layer(name, index)

    @property
    def quantization(self) -> Any:
        """The table of layers: quantized or float, and why."""
        return self.origin.quantization

    def make_train_function(self, force: bool = False) -> Any:
        """Make the training function, after what pruning and clustering have left is held."""
        held = [keep_zeros(self), keep_clusters(self)]
        return super().make_train_function(any(held) or force)


# The name under which models with training steps of the user's own are saved: their class is made anew for each.
tf_keras.saving.get_custom_objects()[QuantizationAwareModel.__name__] = QuantizationAwareModel
