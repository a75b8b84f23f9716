"""Which classes and functions a model config may name: those of the Keras that reads it, ours, and the user's own.

In: a module and a name out of a config. Out: what Keras makes of them, and whether that is known to be harmless.
Looks into modules that are loaded; imports nothing that a file names.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
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

FUNCTIONS = re.compile(
    r"(activations|constraints|initializers|losses|metrics|ops|random|regularizers|layers\.merging)(\.\w+)*"
    r"|legacy\.backend|quantizers\.quantizers"
)
"""Modules of Keras whose functions may be named in a config: they compute from tensors. Other packages have some that
read models, weights or JSON, download, or change settings of the program."""

PREPROCESSING = re.compile(r"applications\.\w+\.preprocess_input")
NO_FUNCTIONS = frozenset(
    {
        *("get", "serialize", "deserialize", "eval", "function"),
        *("get_value", "set_value", "batch_get_value", "batch_set_value"),
    }
)

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

NO_LAYERS = "src.legacy_tf_layers."
"""Namesakes of Keras' layers, for TensorFlow 1 and loaded by TF-MOT, that Keras never makes from a config."""

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
        self._names = {name: value for name, value in self._classes_by_name().items() if self._is_class(value)}
        self._taken = {name for name, _ in self._callables()}

    def registered(self, name: Any) -> Any:
        """Return what the user, or this library, registered under a name; None where it is nothing."""
        if not isinstance(name, str):
            return None
        return self.keras.saving.get_registered_object(name, custom_objects=self._custom)

    def registered_class(self, node: Mapping[str, Any]) -> Any:
        """Return the registered class that a config names, whichever of its names a Keras goes by, or None.

        Keras looks for `registered_name`, in older formats for `class_name`, and else imports the module that the
        config names: all of them must lead to one class.
        """
        name, registered = node["class_name"], node.get("registered_name", node["class_name"])
        found, by_name = self.registered(registered), self.registered(name)
        if found is not None:
            names = (registered, registered.rpartition(">")[2], getattr(found, "__name__", None))
            return found if name in names or by_name is found else None
        return by_name if node.get("module") is None or self._is_loaded(node["module"], name, by_name) else None

    def is_registered_function(self, node: Mapping[str, Any]) -> bool:
        """Whether a config names a function that the user registered, or that this Keras finds as such."""
        name, module, registered = node.get("config"), node.get("module"), node.get("registered_name")
        if self.registered(name) is not None:
            return True
        found = self.registered(registered) if registered != "function" else None
        if found is None or not isinstance(name, str):
            return False
        in_package = module == "builtins" and registered.endswith(f">{name}") and not hasattr(builtins, name)
        return in_package or self._is_loaded(module, name, found)

    def find_class(self, module: Any, name: str) -> type | None:
        """Return the class of Keras that a config names, or None where it is none or may load files or code."""
        if module is None:
            return self._names.get(name)
        found = self._resolve(module, name) if name.isidentifier() else None
        return found if self._is_class(found) else None

    def is_type_spec(self, module: Any, name: Any) -> bool:
        """Whether a config names a loaded type of tensors of TensorFlow."""
        import tensorflow as tf

        if not (isinstance(name, str) and str(module).startswith("tensorflow.python.")):
            return False
        found = vars(sys.modules.get(module, object)).get(name)
        return inspect.isclass(found) and issubclass(found, tf.TypeSpec)

    def names_nothing(self, node: Mapping[str, Any]) -> bool:
        """Whether a config names a class that this Keras has no class for, wherever it looks."""
        name = node["class_name"]
        return "module" not in node and isinstance(name, str) and name not in self._taken

    def is_function(self, module: Any, name: str) -> bool:
        """Whether a config names a function of Keras that computes from tensors alone."""
        places = [f"{self._root}.{part}" for part in BUILTINS] if module == "builtins" else [module]
        if not name.isidentifier():
            return False
        return any(self._is_function(self._resolve(place, name)) for place in places)

    def _resolve(self, module: Any, name: str) -> Any:
        """Return what (module, name) is in this Keras, as its own loader looks it up; None where it is not loaded."""
        if not isinstance(module, str):
            return None
        if module in TF_INITIALIZERS:
            return vars(sys.modules.get(module, object)).get(name)
        first, *rest = module.split(".")
        if first not in ("keras", self._root):  # Keras 3 would import tf_keras itself, and not what is looked up here
            return None
        found: Any = self.keras
        for part in (*rest, *name.split(".")):
            found = getattr(found, part, None)
        if found is None:
            found = vars(sys.modules.get(".".join((self._root, *rest)), object)).get(name)
        return found

    def is_of_keras(self, value: type) -> bool:
        """Whether a class is one of this Keras, and no class of the user."""
        return value.__module__.startswith(f"{self._root}.")

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
        module = str(value.__module__).removeprefix(f"{self._root}.src.")
        if module == value.__module__:  # of another package
            return False
        return bool(FUNCTIONS.fullmatch(module) or PREPROCESSING.fullmatch(f"{module}.{value.__name__}"))

    def _is_loaded(self, module: Any, name: str, value: Any) -> bool:
        """Whether a module that is loaded already has this value under this name."""
        loaded = sys.modules.get(module) if isinstance(module, str) else None
        return value is not None and loaded is not None and vars(loaded).get(name) is value

    def _callables(self) -> Iterator[tuple[str, Any]]:
        """Yield every class and function of this Keras under every name that it has there."""
        for name, module in list(sys.modules.items()):
            if name.startswith(f"{self._root}.src.") and module is not None:
                yield from ((key, value) for key, value in list(vars(module).items()) if callable(value))

    def _classes_by_name(self) -> dict[str, type]:
        """Return every class under every name that it has, as files before Keras 2.13 name no module."""
        found: dict[str, type] = {}
        for key, value in self._callables():
            is_legacy = str(getattr(value, "__module__", "")).startswith(f"{self._root}.{NO_LAYERS}")
            if inspect.isclass(value) and hasattr(value, "from_config") and not is_legacy:
                # One of the same name that loads files or code makes the name unknown.
                found[key] = value if key not in found or self._is_class(found[key]) else found[key]
        return found
