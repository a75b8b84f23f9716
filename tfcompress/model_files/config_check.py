"""A model config is read before any Keras reads it: every object in it must be known.

In: the JSON of a config, of either Keras, of any age, and what is known. Out: what is not, by layer and class. Keras
makes objects out of dicts with a "class_name", wherever they stand, so every dict of the config is looked at, and not
only those in the places where Keras would look today.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.model_files.known_classes import KnownClasses
from tfcompress.model_files.saved_model_ops import is_allowed_op
from tfcompress.model_files.tf_functions import RAGGED, is_pure
from tfcompress.printable_names import printable

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 400
VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
LEGACY_VALUES = frozenset({"__tuple__", "__ellipsis__", "__bytes__", "TensorShape", "TypeSpec", "CompositeTensor"})
"""What Keras writes for plain values."""

TF_CALLS = {"TFOpLambda": "function", "SlicingOpLambda": "function", "ClassMethod": "cls_ref"}
"""Layers that call a symbol of TensorFlow, and the entry that names it."""

LAMBDA = "Lambda"
CELL_WRAPPERS = frozenset({"ResidualWrapper", "DropoutWrapper"})
"""Wrappers of recurrent cells that may hold a Python lambda as well, and let it replace what safe mode is asked by."""

PYTHON_LAMBDA = "a Python lambda (Keras loads one with safe_mode=False alone)"
PATHS = ("vocabulary", "idf_weights")
"""Entries of lookup layers that may be the path of a file."""


def read_json(text: bytes | str, what: str) -> Any:
    """Parse JSON of bounded size and depth.

    Args:
        text: The JSON.
        what: Where it is from, for the error.

    Raises:
        ModelError: it is no JSON, too large or too deep.
    """
    problem = f"{len(text):,} bytes" if len(text) > MAX_BYTES else ""
    try:
        found = None if problem else json.loads(text)
        if not problem and _depth(found) > MAX_DEPTH:
            problem = f"objects in more than {MAX_DEPTH} others"
    except RecursionError:
        problem = f"objects in more than {MAX_DEPTH} others"
    except ValueError as error:
        problem = printable(error, 100)
    if problem:
        raise ModelError(
            f"The configuration of a model must be JSON of up to {MAX_BYTES // 2**20} MB.",
            received=f"{what} with {problem}",
            hint="The file is damaged or hostile: save the model again.",
        )
    return found


def find_unknown(config: Any, known: KnownClasses, *, revives: bool = False) -> list[str]:
    """List what a config asks for and nobody has allowed.

    Args:
        config: A config, or a part of one.
        known: What may be made.
        revives: Whether Keras revives from its graph a class that it does not know, and a Lambda whose code safe
            mode stops, as it does in a SavedModel.

    Returns:
        A phrase for each, with the layer's name; empty where the config is harmless.
    """
    problems: dict[str, None] = {}
    waiting: list[tuple[Any, str]] = [(config, "the model")]
    while waiting:
        node, owner = waiting.pop()
        if isinstance(node, list):
            waiting.extend((inner, owner) for inner in reversed(node))
        elif isinstance(node, dict):
            owner = _owner(node, owner)
            if "class_name" in node:
                found = [] if revives and known.names_nothing(node) else _problems(node, known)
                found = [what for what in found if not (revives and what == PYTHON_LAMBDA)]
                problems.update(dict.fromkeys(f"{what} in {owner}" for what in found))
            waiting.extend((inner, owner) for inner in reversed(list(node.values())))
    return list(problems)


def _owner(node: dict[str, Any], owner: str) -> str:
    inner = node.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return f"the layer {printable(name)!r}" if isinstance(name, str) else owner


def _problems(node: dict[str, Any], known: KnownClasses) -> Iterator[str]:
    name, module, config = node["class_name"], node.get("module"), node.get("config")
    if not isinstance(name, str):
        yield f"a class called {printable(name)}"
    elif (name in VALUES and not node.keys() & {"module", "registered_name"}) or (
        name in LEGACY_VALUES and "config" not in node
    ):
        return
    elif name == "function":
        if not known.is_registered_function(node) and not (
            isinstance(config, str) and known.is_function(module, config)
        ):
            yield f"the function {_full(module, config)}"
    elif name == "__lambda__":
        yield PYTHON_LAMBDA
    elif name == "__typespec__":
        spec = node.get("spec_name")
        if known.registered(node.get("registered_name")) is None and not known.is_type_spec(module, spec):
            yield f"the type {_full(module, spec)}"
    else:
        found = known.registered_class(node) or known.find_class(module, name)
        if found is None:
            yield f"the class {_full(module, name)}"
        elif inspect.isclass(found) and isinstance(config, dict):
            bases = {base.__name__ for base in found.__mro__ if known.is_of_keras(base)}
            yield from _problems_of_class(bases, config, known)


def _problems_of_class(names: set[str], config: dict[str, Any], known: KnownClasses) -> Iterator[str]:
    """Yield what a class of Keras would do with its config beside computing from tensors."""
    if LAMBDA in names:
        yield from _problems_of_lambda(config, known)
    if names & CELL_WRAPPERS and any(config.get(entry) is not None for entry in ("residual_fn", "dropout_fn")):
        yield PYTHON_LAMBDA
    for name in names & TF_CALLS.keys():
        symbol = config.get(TF_CALLS[name])
        allowed = symbol in ("RaggedTensor", "SparseTensor", "sparse.SparseTensor")
        if not (allowed if name == "ClassMethod" else is_pure(symbol)):
            yield f"the function tf.{printable(symbol)}"
        if name == "ClassMethod" and not str(config.get("method_name")).startswith("from_"):
            yield f"the method {printable(config.get('method_name'))}"
    if names & {"InstanceProperty", "InstanceMethod"} and config.get("attr_name") not in RAGGED:
        yield f"the attribute {printable(config.get('attr_name'))}"
    if "TensorFlowOpLayer" in names:
        yield from _problems_of_node(config.get("node_def"))
    for entry in PATHS if names & {"IndexLookup", "TextVectorization"} else ():
        if isinstance(config.get(entry), str):
            yield f"the file {printable(config[entry])} as {entry}"


def _problems_of_lambda(config: dict[str, Any], known: KnownClasses) -> Iterator[str]:
    """Let a Lambda call a function that is known; what is a dict is judged where the walk comes to it."""
    for entry in ("function", "output_shape", "mask"):
        value, kind = config.get(entry), config.get(f"{entry}_type")
        if isinstance(value, str) and kind != "raw" and known.registered(value) is None:
            yield f"the function {_full(config.get('module'), value)}"
        elif kind == "lambda" or (entry == "function" and not isinstance(value, (str, dict))):
            yield PYTHON_LAMBDA
        elif kind == "function" and not isinstance(value, (str, dict)):
            yield f"the function {printable(value)}"


def _problems_of_node(text: Any) -> Iterator[str]:
    """Check the op that a layer of TensorFlow 2.0 to 2.3 holds as text."""
    from google.protobuf import text_format
    from tensorflow.core.framework import node_def_pb2

    try:
        node = text_format.Parse(str(text), node_def_pb2.NodeDef())
    except text_format.ParseError:
        yield "an op that cannot be read"
        return
    if not is_allowed_op(node) or any(value.HasField("func") for value in node.attr.values()):
        yield f"the op {printable(node.op)}"


def _full(module: Any, name: Any) -> str:
    return printable(name if module in (None, "builtins") and isinstance(name, str) else f"{module}.{name}", 100)


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(node, (list, dict)):
            waiting.extend((inner, depth + 1) for inner in (node.values() if isinstance(node, dict) else node))
    return deepest
