"""Weights are packed for the flash of a microcontroller, and unpacked by TFLM's op DECODE right before they are used.

In: a `TFLiteModel` of integers. Out: one that is smaller and computes the same, bit by bit: both are run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from tfcompress.choices import did_you_mean
from tfcompress.console import progress
from tfcompress.deployment.golden import golden_vectors
from tfcompress.deployment.packing.choose_encodings import choose_encodings
from tfcompress.deployment.packing.fit_arena import fit_arena
from tfcompress.deployment.packing.packable import Packable, float_weights, packables
from tfcompress.errors import RunError, SettingError
from tfcompress.litert.decode.checksum import checksum
from tfcompress.litert.decode.decode_op import decode_ops, decoded, pairs
from tfcompress.litert.decode.packing import CODE_BYTES
from tfcompress.litert.graph import EditableFile, Value
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.passes.insert_decode import insert_decode
from tfcompress.litert.serialization import read_graph, write_graph
from tfcompress.litert.tflite_model import TFLiteModel, as_tflite
from tfcompress.runtime.tflm_arena import least_arena
from tfcompress.typing import PackingMethod, StrPath

METHODS = ("auto", "pruning_mask", "huffman", "lookup_table")


def pack(tflite: TFLiteModel | StrPath, *, arena: int | None = None, method: PackingMethod = "auto") -> TFLiteModel:
    """Pack the weights of a file for TFLM's op DECODE, so that zeros and few values take less flash.

    Each constant is stored as it is smallest: as it is, as a mask and what is not zero, in Huffman codewords, or as
    numbers in a table of values. TFLM unpacks it into the arena right before an op reads it. Weights of LSTM and SVDF
    stay as they are, as CMSIS-NN reads them before they could be unpacked.

    Args:
        tflite: A file with integer weights, as a `TFLiteModel` or as a path.
        arena: Bytes of arena that TFLM may need for the packed file, as `check(…, "tflm")` tells them. Constants that
            do not fit stay as they are. Default: no limit.
        method: "auto", or the one method to use: "pruning_mask", "huffman" or "lookup_table".

    Returns:
        The packed file. Print it, or its `packing`, for what each constant takes, what the arena gains, and whether
        the file saves more than the op costs in code. TFLM alone runs it. Its manifest holds a checksum of its weights.

    Raises:
        SettingError: there is nothing to pack; the file is packed already, or has weights of floats; or the limit is
            too small, and the error says the least.
        RunError: TFLM does not run the file.
        MissingPackageError: tflite-micro is not installed (`pip install 'tfcompress[micro]'`).

    Source:
        The formats: tensorflow/lite/micro/kernels/decode_state*.h of TensorFlow Lite Micro.

    Example:
        >>> kernel, bias = model.get_layer("digit").get_weights()
        >>> model.get_layer("digit").set_weights([np.where(abs(kernel) > 0.2, kernel, 0), bias])
        >>> sparse = tfcompress.convert(model, samples=x_train)
        >>> packed = tfcompress.pack(sparse)
        >>> packed.size < sparse.size, packed.packing.pays
        (True, False)
    """
    if method not in METHODS:
        hint = did_you_mean(str(method), METHODS)
        raise SettingError(f"method must be one of {', '.join(METHODS)}.", received=repr(method), hint=hint)
    if arena is not None and (isinstance(arena, bool) or not isinstance(arena, int) or arena < 1):
        raise SettingError("arena must be a number of bytes, 1 or more.", received=repr(arena))
    name = Path(fspath(tflite)).name if isinstance(tflite, (str, PathLike)) else ""
    plain = as_tflite(tflite)
    making = _Making(plain, name, method)
    chosen = making.worth_it()
    with progress("measuring the arena in TFLM") as advance:
        before = least_arena(plain)
        advance()

        def arena_of(some: list[Packable]) -> int:
            advance()
            return least_arena(making.packed(some))

        if arena is not None:
            chosen = fit_arena(making.file, chosen, arena, making.packs, arena_of, before)
        after = arena_of(chosen)
    made = making.packed(chosen, arena_before=before, arena_after=after)
    _require_equal(plain, made)
    return made


class _Making:
    """One plain file, and the packed files that can be made of it."""

    def __init__(self, plain: TFLiteModel, name: str, method: PackingMethod) -> None:
        if decode_ops(plain.file):
            raise SettingError(
                "pack takes a plain file.",
                received="one that is packed already",
                hint="Pack the file that it was made of.",
            )
        self._plain, self._method = plain, method
        self.file = read_graph(plain.content)
        self._constants = packables(self.file)
        self._told = {"size": plain.size, "sha256": hashlib.sha256(plain.content).hexdigest()[:16]}
        if name:
            self._told["name"] = name

    def worth_it(self) -> list[Packable]:
        """Return the constants that take less when they are packed."""
        if chosen := [*choose_encodings(self._constants, self._method)]:
            return chosen
        floats = [value.name for value in float_weights(self.file)]
        raise SettingError(
            "pack needs integer weights that take less when they are packed: with zeros, or with few values.",
            received=f"weights of floats, such as {floats[0]!r}"
            if floats
            else f"{len(self._constants)} constants that may be packed, none of which gets smaller",
            hint='Convert with "int8" first.' if floats else _way_out(sum(one.size for one in self._constants)),
        )

    def packs(self, constants: list[Packable]) -> bool:
        """Tell whether one of some constants gets smaller."""
        return bool(choose_encodings(constants, self._method))

    def packed(self, constants: list[Packable], **told: int) -> TFLiteModel:
        """Return the file in which some constants are packed."""
        encodings = choose_encodings(constants, self._method)
        file = read_graph(self._plain.content)
        twins = dict(zip(self._constants, packables(file), strict=True))
        values = {value: encoding for one, encoding in encodings.items() for value in twins[one].values}
        for graph in file.graphs:
            insert_decode(graph, {value: values[value] for value in graph.values if value in values})
        sizes = {id(encoding.stream): one.size for one, encoding in encodings.items()}
        entries = {**self._told, **told, "checksum": checksum(file), "before": _in_order(file, sizes)}
        file.set_metadata(KEY, encode({**self._plain.manifest, "packing": entries}))
        numbers = {id(encoding.stream): one.numbers for one, encoding in encodings.items()}
        for stream, result in _streams(file):
            if not np.array_equal(decoded(result).reshape(-1), numbers[id(stream)]):
                raise RunError("A packed constant must unpack to what it was.", received=repr(result.name))
        return TFLiteModel(write_graph(file))


def _way_out(size: int) -> str:
    """Return what to do about constants of so many bytes that do not get smaller."""
    if size < CODE_BYTES:
        return f"It does not pay here: the op DECODE takes about {CODE_BYTES:,} bytes of code, the constants {size:,}."
    return "Prune or cluster the weights before conversion."


def _streams(file: EditableFile) -> list[tuple[np.ndarray, Value]]:
    """Return the streams of a file, each once, with what it unpacks to."""
    found = {
        id(stream.content): (stream.content, result) for _, op in decode_ops(file) for stream, _, result in pairs(op)
    }
    return [*found.values()]


def _in_order(file: EditableFile, sizes: Mapping[int, int]) -> list[int]:
    return [sizes[id(stream)] for stream, _ in _streams(file)]


def _require_equal(plain: TFLiteModel, packed: TFLiteModel) -> None:
    """Run both files in TFLM on noise over the whole range of each input."""
    results = [golden_vectors(each, "tflm").outputs for each in (plain, packed)]
    differing = [name for name, array in results[0].items() if array.tobytes() != results[1][name].tobytes()]
    if differing:
        raise RunError(
            "The packed file must compute what the plain one does.",
            received=f"other values in {', '.join(map(repr, differing))}",
            hint="It was not written. Use the plain file, and report its ops: tfcompress inspect tells them.",
        )
