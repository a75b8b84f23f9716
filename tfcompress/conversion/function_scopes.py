"""Ops in functions that a graph calls get the scope of the call, as if the layer had been traced here.

In: a SavedModel folder. Out: the same graphs, with names that begin with their layer. A custom layer that comes back
from a SavedModel is a saved function: its ops are called "Atan2" instead of "model/layer/Atan2", so that no error and
no `keep_float` could tell whose they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

REVIVED = "tf_keras.src.saving.legacy.saved_model"
"""Where tf_keras makes the classes of layers that it knows from their graph alone."""


def has_revived_layers(layers: Iterable[Any]) -> bool:
    """Whether some layers are functions of the SavedModel that they were loaded from."""
    return any(type(layer).__module__.startswith(REVIVED) for layer in layers)


def scope_called_functions(folder: Path) -> None:
    """Put the scope of each call before the names of the ops in the called function; of several calls, the first."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = Path(folder, "saved_model.pb")
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    for graph in saved.meta_graphs:
        functions = {function.signature.name: function for function in graph.graph_def.library.function}
        done: set[str] = set()
        for node in graph.graph_def.node:
            _scope(node, "", functions, done)
    path.write_bytes(saved.SerializeToString())


def _scope(node: Any, scope: str, functions: Mapping[str, Any], done: set[str]) -> None:
    """Rename the ops of the functions that a node calls, and of those that they call."""
    for value in node.attr.values():
        for called in (value.func.name, *(item.name for item in value.list.func)):
            if called in functions and called not in done:
                done.add(called)
                if scope:
                    _prefix(functions[called], scope)
                for inner in functions[called].node_def:
                    _scope(inner, inner.name.rpartition("/")[0], functions, done)


def _prefix(function: Any, scope: str) -> None:
    names = {node.name: f"{scope}/{node.name}" for node in function.node_def}

    def renamed(source: str) -> str:
        control, name = source.startswith("^"), source.removeprefix("^")
        node, colon, rest = name.partition(":")
        # Without a colon it is an argument of the function, unless it only has to run before.
        found = names.get(node, node) if colon or control else node
        return f"{'^' if control else ''}{found}{colon}{rest}"

    for node in function.node_def:
        node.name = names[node.name]
        node.input[:] = [renamed(source) for source in node.input]
        if "_class" in node.attr:  # where it runs, by the old names
            del node.attr["_class"]
    for results, prefix in ((function.ret, ""), (function.control_ret, "^")):
        for key in list(results):
            results[key] = renamed(prefix + results[key]).removeprefix("^")
