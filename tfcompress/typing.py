"""Names for what goes into the functions and comes out of them, for annotations of one's own: `tfcompress.typing`.

Keras brings no types, so a model is described by what it can do: one of Keras 3, of tf_keras or of `tf.keras` fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

from tfcompress.data.data_forms import ArrayLike, Data

__all__ = [
    "ArrayLike",
    "Data",
    "InOut",
    "KerasModel",
    "PackingMethod",
    "Quantization",
    "Runtime",
    "StrPath",
    "Target",
    "TrainableModel",
]

StrPath: TypeAlias = str | PathLike[str]
"""A path, as text or as `pathlib.Path`."""

Quantization: TypeAlias = Literal["float32", "float16", "dynamic", "int8", "int8x4", "int16x8"]
"""What `convert` makes."""

InOut: TypeAlias = Literal["int8", "uint8", "int16", "float32"]
"""The type of a file's inputs and outputs."""

Runtime: TypeAlias = Literal["litert", "reference", "tflm"]
"""A runtime of `runtime/engines/`."""

Target: TypeAlias = Literal["cpu", "gpu", "tflm", "esp-nn", "ethos-u55", "ethos-u85"]
"""A target of `deployment/targets/`."""

PackingMethod: TypeAlias = Literal["auto", "pruning_mask", "huffman", "lookup_table"]
"""How `pack` stores constants; "auto": each as it is smallest."""


class KerasModel(Protocol):
    """A built model of either Keras, as functions take it."""

    @property
    def name(self) -> Any: ...
    @property
    def layers(self) -> Any: ...
    @property
    def weights(self) -> Any: ...
    def get_weights(self) -> Any: ...
    def predict(self, *args: Any, **kwargs: Any) -> Any: ...


class TrainableModel(KerasModel, Protocol):
    """A model that a function returns: what both Kerases can do with it, in the words of both."""

    name: str
    trainable: bool
    stop_training: bool
    optimizer: Any
    loss: Any

    @property
    def inputs(self) -> list[Any]: ...
    @property
    def outputs(self) -> list[Any]: ...
    @property
    def input_shape(self) -> Any: ...
    @property
    def output_shape(self) -> Any: ...
    @property
    def layers(self) -> list[Any]: ...
    @property
    def weights(self) -> list[Any]: ...
    @property
    def trainable_weights(self) -> list[Any]: ...
    @property
    def non_trainable_weights(self) -> list[Any]: ...
    @property
    def variables(self) -> list[Any]: ...
    @property
    def trainable_variables(self) -> list[Any]: ...
    @property
    def non_trainable_variables(self) -> list[Any]: ...
    @property
    def losses(self) -> list[Any]: ...
    @property
    def metrics(self) -> list[Any]: ...
    @property
    def metrics_names(self) -> list[str]: ...
    @property
    def built(self) -> bool: ...

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any: ...

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | Literal["auto"] = 1,
        jit_compile: bool | Literal["auto"] | None = None,
    ) -> None: ...

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | Literal["auto"] = "auto",
        callbacks: Sequence[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> Any: ...

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | Literal["auto"] = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
        return_dict: bool = False,
    ) -> Any: ...

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | Literal["auto"] = "auto",
        steps: int | None = None,
        callbacks: Sequence[Any] | None = None,
    ) -> Any: ...

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        *,
        return_dict: bool = False,
    ) -> Any: ...
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, *, return_dict: bool = False) -> Any: ...
    def predict_on_batch(self, x: Any) -> Any: ...

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any: ...
    def get_weights(self) -> list[Any]: ...
    def set_weights(self, weights: Sequence[Any]) -> None: ...
    def count_params(self) -> int: ...
    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None: ...
    def save(self, filepath: StrPath, overwrite: bool = True) -> None: ...
    def save_weights(self, filepath: StrPath, overwrite: bool = True) -> None: ...
    def load_weights(self, filepath: StrPath, skip_mismatch: bool = False) -> Any: ...
    def export(self, filepath: StrPath) -> None: ...
    def to_json(self, **kwargs: Any) -> str: ...
    def get_config(self) -> dict[str, Any]: ...
