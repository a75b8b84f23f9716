"""Which classes and functions a model config may name: those of the Keras that reads it, ours, and the user's own.

In: a module and a name out of a config. Out: what Keras makes of them, and whether that is known to be harmless.
Looks into modules that are loaded; imports nothing that a file names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

PARTS = frozenset(
    {
        *("activations", "applications", "constraints", "distillation", "dtype_policies", "engine", "initializers"),
        *("layers", "legacy", "losses", "metrics", "mixed_precision", "models", "ops", "optimizers", "premade_models"),
        *("quantizers", "random", "regularizers", "trainers"),
    }
)
"""Packages of Keras whose classes may be made from a config."""

PARTS_OF_FUNCTIONS = frozenset(
    {
        *("activations", "constraints", "initializers", "layers", "losses", "metrics", "ops", "optimizers"),
        *("quantizers", "random", "regularizers"),
    }
)
"""Packages of Keras whose functions may be named in a config: functions of tensors. Those of others build models, which
may read files of weights, or load and save them."""
PREPROCESSING = "preprocess_input"
"""The function of keras.applications that models hold in a Lambda."""

FEATURE_SPACE = frozenset({"FeatureSpace", "Feature", "Cross"})
"""tf_keras keeps these with its utilities."""

LOADERS = frozenset(
    {
        *("TFSMLayer", "ReloadedLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"),  # load files or unpickle
        *(
            "DenseFeatures",
            "SequenceFeatures",
            "_BaseFeaturesLayer",
            "LinearModel",
            "WideDeepModel",
        ),  # vocabulary files
        *("ModuleWrapper", "DistributedCallbackModel"),
    }
)
"""Classes of Keras that read files or run code which their config names."""

TF_INITIALIZERS = frozenset({"tensorflow.python.ops.init_ops_v2", "tensorflow.python.ops.init_ops"})
"""Where tf_keras finds some initializers, such as those of EfficientNetV2."""

NO_FUNCTIONS = frozenset({"get", "serialize", "deserialize"})
BUILTINS = ("activations", "constraints", "initializers", "losses", "metrics", "optimizers", "regularizers")
"""Where both Kerases look for a function of the module "builtins", which is how they save their own."""

OURS = {
    "keras": "tfcompress.training.quantization.keras3_model",
    "tf_keras": "tfcompress.training.quantization.tf_keras_model",
}


class KnownClasses:
    """What one Keras, `keras` or `tf_keras`, may make of the names in a config.

    Args:
        keras: The Keras that will read the config.
        custom_objects: The user's own classes and functions, by the name in the file.
    """

    def __init__(self, keras: ModuleType, custom_objects: Mapping[str, Any]) -> None:
        self.keras = keras
        self._root = keras.__name__
        self._custom = dict(custom_objects)
        import_module(OURS[self._root])  # registers the class of our quantization-aware models
        self._all = self._classes_by_name()
        self._names = {name: value for name, value in self._all.items() if self._is_class(value)}

    def is_trusted(self, *names: Any) -> bool:
        """Whether the user, or this library, registered a class or function under one of these names."""
        get = self.keras.saving.get_registered_object
        return any(isinstance(name, str) and get(name, custom_objects=self._custom) is not None for name in names)

    def find_class(self, module: Any, name: str) -> type | None:
        """Return the class of Keras that a config names, or None where it is none or may load files or code."""
        if module is None:
            return self._names.get(name)
        found = self._resolve(module, name)
        return found if self._is_class(found) else None

    def names_nothing(self, node: Mapping[str, Any]) -> bool:
        """Whether a config names a class that this Keras has no class for, wherever it looks."""
        name = node["class_name"]
        return "module" not in node and isinstance(name, str) and name not in self._all and not self.is_trusted(name)

    def is_function(self, module: Any, name: str) -> bool:
        """Whether a config names a function of Keras that computes from tensors alone."""
        places = [f"{self._root}.{part}" for part in BUILTINS] if module == "builtins" else [module]
        return any(self._is_function(self._resolve(place, name)) for place in places)

    def _resolve(self, module: Any, name: str) -> Any:
        """Return what (module, name) is in this Keras, as its own loader looks it up; None where it is not loaded."""
        if not isinstance(module, str):
            return None
        if module in TF_INITIALIZERS:
            return vars(sys.modules.get(module, object)).get(name)
        first, *rest = module.split(".")
        if first not in ("keras", "tf_keras"):
            return None
        found: Any = self.keras
        for part in (*rest, *name.split(".")):
            found = getattr(found, part, None)
        if found is None:
            found = vars(sys.modules.get(".".join((self._root, *rest)), object)).get(name)
        return found

    def _part(self, value: Any) -> str:
        """Return the package of Keras that defines a class or function, such as "layers"."""
        root, source, part, *_ = [*str(getattr(value, "__module__", "")).split("."), "", "", ""]
        return part if root == self._root and source == "src" else ""

    def _is_class(self, value: Any) -> bool:
        if not inspect.isclass(value) or value.__name__ in LOADERS:
            return False
        if value.__module__ in TF_INITIALIZERS:
            return self._root == "tf_keras" and hasattr(value, "from_config")
        return self._part(value) in PARTS or (self._part(value) == "utils" and value.__name__ in FEATURE_SPACE)

    def _is_function(self, value: Any) -> bool:
        if not isinstance(value, FunctionType) or value.__name__ in NO_FUNCTIONS:
            return False
        part = self._part(value)
        return part in PARTS_OF_FUNCTIONS or (part == "applications" and value.__name__ == PREPROCESSING)

    def _classes_by_name(self) -> dict[str, type]:
        """Return every class under every name that it has, as files before Keras 2.13 name no module."""
        found: dict[str, type] = {}
        for name, module in list(sys.modules.items()):
            if name.startswith(f"{self._root}.src.") and module is not None:
                for key, value in list(vars(module).items()):
                    if inspect.isclass(value) and hasattr(value, "from_config"):
                        # One of the same name that loads files or code makes the name unknown.
                        found[key] = value if key not in found or self._is_class(found[key]) else found[key]
        return found
