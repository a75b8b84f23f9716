"""A SavedModel is read before TensorFlow loads it: its ops, its saver, its assets.

In: the folder. Out: nothing, or an error. Graphs compute, so most ops are harmless; what reads or writes files or calls
Python is not. A SavedModel needs such ops for its own checkpoint and assets, and may have them for these alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.model_files.saved_model_ops import FILE_TABLES, SAVER_OPS, is_allowed_op
from tfcompress.printable_names import printable

PATH_INPUT = {"SaveV2": 0, "RestoreV2": 0, "MergeV2Checkpoints": 1, **dict.fromkeys(FILE_TABLES, 1)}
"""Which input of an op is the path of a file."""

PASSES_ON = frozenset({"Identity"})
MAKES_LONGER = frozenset({"StringJoin", "ShardedFilename"})
"""Ops whose first input decides where the path that they give begins. Only what writes a checkpoint, which happens when
somebody saves, may put more behind it: `/../..` leads out of any folder."""

READ_AT_START = "__saved_model_init_op"


def require_harmless(folder: Path) -> None:
    """Raise `ModelError` unless a SavedModel computes only, and reads nothing but its own variables and assets."""
    from tensorflow.core.protobuf import saved_model_pb2

    _require_own_files(folder)
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(Path(folder, "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        for asset in _assets(graph):
            _require_own_asset(folder, asset.filename)
        problems = dict.fromkeys(_problems(graph))
        if problems:
            raise ModelError(
                f"{folder} must be a SavedModel that computes only: no files, no Python, no other processes.",
                received="; ".join(list(problems)[:5]),
                hint="If you trust it, load it in your own code and pass the model object.",
            )


def _require_own_files(folder: Path) -> None:
    root = os.path.realpath(folder)
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = os.path.join(where, name)
            if os.path.islink(path) and not os.path.realpath(path).startswith(root + os.sep):
                raise ModelError(
                    "The files of a SavedModel must lie in its folder.",
                    received=f"{printable(path)}, a link to {printable(os.path.realpath(path))}",
                    hint=f"If you trust it, copy it with the files behind its links: cp -rL {folder} copy",
                )
            if not (os.path.isfile(path) or os.path.isdir(path)):  # reading from a pipe has no end
                raise ModelError("A SavedModel must hold files and folders alone.", received=printable(path))


def _require_own_asset(folder: Path, name: str) -> None:
    parts = Path(name.replace("\\", "/")).parts
    if not parts or ".." in parts or Path(name).is_absolute() or ":" in name or not Path(folder, "assets").is_dir():
        raise ModelError(
            "The assets of a SavedModel must be files in its folder assets.",
            received=f"{folder} with the asset {printable(name)!r}",
            hint="TensorFlow writes no such file: save the model again.",
        )


def _assets(graph: Any) -> list[Any]:
    """Return the assets of a graph, which TensorFlow 1 keeps in a collection."""
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    if graph.asset_file_def or "saved_model_assets" not in graph.collection_def:
        return list(graph.asset_file_def)
    packed = graph.collection_def["saved_model_assets"].any_list.value
    return [AssetFileDef.FromString(asset.value) for asset in packed]


def _problems(graph: Any) -> Iterator[str]:
    """Yield what the graphs of a SavedModel do beside computing."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    saver = graph.saver_def.filename_tensor_name.partition(":")[0]
    assets = {asset.tensor_info.name.partition(":")[0] for asset in _assets(graph)}
    calls: dict[str, list[tuple[str, Any]]] = {}  # who calls a function: (function or "", node)
    for where, nodes in (("", graph.graph_def.node), *((name, item.node_def) for name, item in functions.items())):
        for node in nodes:
            for called in _functions_of(node, functions):
                calls.setdefault(called, []).append((where, node))
    main = {node.name: node for node in graph.graph_def.node}
    if saver in main and not main[saver].op.startswith("Placeholder"):
        yield f"the path of its saver, {printable(saver)}, which is not left open"
    for node in main.values():
        origin = _origin(node, main) if node.op in PATH_INPUT else ""
        if not (origin in ({saver} if node.op in SAVER_OPS else assets) if origin else is_allowed_op(node)):
            yield _phrase(node, "the main graph")
    yield from _files_out_of_place(graph, main, functions)
    for name, function in functions.items():
        inner = {node.name: node for node in function.node_def}
        places = [argument.name for argument in function.signature.input_arg]
        for node in function.node_def:
            if node.op not in PATH_INPUT:
                fine = is_allowed_op(node)
            else:
                origin = _origin(node, inner)
                fine = origin in places and all(not where for where, _ in calls.get(name, []))
                if fine and node.op in SAVER_OPS:
                    fine = name not in graph.object_graph_def.concrete_functions
                    fine = fine and _is_given(places.index(origin), calls.get(name, []), main, saver)
                elif fine:
                    fine = _is_asset(graph.object_graph_def, name, places.index(origin) - len(places))
            if not fine:
                yield _phrase(node, f"the function {printable(name)}")


def _phrase(node: Any, where: str) -> str:
    path = " with a path of its own" if node.op in PATH_INPUT else ""
    return f"the op {printable(node.op)}{path} ({printable(node.name)}, in {where})"


def _functions_of(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    if node.op in functions:  # an op of the name of a function is a call of it
        yield node.op
    for value in node.attr.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name


def _origin(node: Any, nodes: Mapping[str, Any]) -> str:
    """Return the name of the node or argument where the path of a file comes from."""
    name = _source(node, PATH_INPUT[node.op])
    for _ in nodes:
        maker = nodes.get(name)
        passes_on = PASSES_ON | MAKES_LONGER if node.op in ("SaveV2", "MergeV2Checkpoints") else PASSES_ON
        if maker is None or maker.op not in passes_on or not maker.input:
            break
        name = _source(maker, 0)
    return name


def _files_out_of_place(graph: Any, main: Mapping[str, Any], functions: Mapping[str, Any]) -> Iterator[str]:
    """Yield ops with files that run at another time than they may: the saver when restored, tables at the start.

    Outside of it the path is whatever stands in the graph: TensorFlow gives the ones of this folder then alone.
    """
    signatures = {key: [*signature.outputs.values()] for key, signature in graph.signature_def.items()}
    at_start = [name for info in signatures.pop(READ_AT_START, []) for name in _tensors(info)]
    for key in ("saved_model_main_op", "legacy_init_op"):
        at_start += graph.collection_def[key].node_list.value if key in graph.collection_def else []
    computed = [name for infos in signatures.values() for info in infos for name in _tensors(info)]
    for roots, refused in (
        (computed, PATH_INPUT.keys()),
        (at_start, SAVER_OPS),
        ([graph.saver_def.restore_op_name], PATH_INPUT.keys() - {"RestoreV2"}),
    ):
        for node in _needed(main, roots):
            called = [functions[name] for name in _functions_of(node, functions) if name in functions]
            ops = {node.op, *(inner.op for function in called for inner in function.node_def)} & refused
            if ops:
                yield f"the op {min(ops)} out of its place ({printable(node.name)}, in the main graph)"


def _tensors(info: Any) -> Iterator[str]:
    parts = info.coo_sparse
    yield from (info.name, parts.values_tensor_name, parts.indices_tensor_name, parts.dense_shape_tensor_name)
    for component in info.composite_tensor.components:
        yield from _tensors(component)


def _needed(main: Mapping[str, Any], roots: Iterable[str]) -> list[Any]:
    """Return the nodes of the main graph that run to compute tensors."""
    found: dict[str, Any] = {}
    waiting = [*roots]
    while waiting:
        name = waiting.pop().lstrip("^").partition(":")[0]
        if name in main and name not in found:
            found[name] = main[name]
            waiting.extend(main[name].input)
    return [*found.values()]


def _source(node: Any, index: int) -> str:
    return node.input[index].partition(":")[0] if index < len(node.input) else "?"


def _is_given(place: int, calls: list[tuple[str, Any]], main: Mapping[str, Any], saver: str) -> bool:
    """Whether a function of the saver gets its path from whoever saves or restores, in each of its calls."""
    given = [_source(node, place) for _, node in calls]
    return all(name == saver and name in main and main[name].op.startswith("Placeholder") for name in given)


def _is_asset(objects: Any, function: str, place: int) -> bool:
    """Whether an argument of a function, counted from the last, is bound to an asset of the SavedModel."""
    if function not in objects.concrete_functions:
        return False
    bound = objects.concrete_functions[function].bound_inputs
    return -len(bound) <= place < 0 and objects.nodes[bound[place]].WhichOneof("kind") == "asset"


def keras_metadata(folder: Path) -> list[str]:
    """Return the JSON of each Keras object in a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2
    from tf_keras.protobuf import saved_metadata_pb2

    path = Path(folder, "keras_metadata.pb")
    if path.exists():
        metadata = saved_metadata_pb2.SavedMetadata()
        metadata.ParseFromString(path.read_bytes())
        return [node.metadata for node in metadata.nodes]
    saved = saved_model_pb2.SavedModel()  # TensorFlow before 2.5 keeps them with the objects
    saved.ParseFromString(Path(folder, "saved_model.pb").read_bytes())
    objects = saved.meta_graphs[0].object_graph_def.nodes if saved.meta_graphs else []
    return [node.user_object.metadata for node in objects if node.user_object.metadata.lstrip().startswith("{")]
