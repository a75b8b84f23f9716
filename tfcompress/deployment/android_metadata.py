"""Names, descriptions and labels in the form that Android's libraries read out of a .tflite file.

In: a `TFLiteModel`, labels. Out: the bytes of its metadata entry, and of the archive of labels that follows the file.
Source of the format: metadata_schema.fbs of TensorFlow Lite Support (identifier M001): tables are written field by
field under the numbers of that file. Knows nothing of the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import flatbuffers

from tfcompress.data import TensorSpec
from tfcompress.flatbuffer.attached_files import attach
from tfcompress.kerases import unique

ENTRY = "TFLITE_METADATA"
AXIS_LABELS = 2
"""The number of TENSOR_AXIS_LABELS in the schema: a line for each value of the last axis."""


def metadata(
    name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], labels: dict[str, Sequence[str]]
) -> bytes:
    """Return the metadata of a file.

    Args:
        name: The name of the model.
        inputs: In the order of the graph.
        outputs: In the order of the graph.
        labels: By name of the output.
    """
    builder = flatbuffers.Builder(1024)
    files = label_files(labels)
    sides = [
        _vector(builder, [_tensor(builder, spec, files.get(spec.name)) for spec in side]) for side in (inputs, outputs)
    ]
    graph = _table(builder, 9, {2: sides[0], 3: sides[1]})
    graphs = _vector(builder, [graph])
    texts = {0: builder.CreateString(name), 7: builder.CreateString("1.0.0")}
    builder.Finish(_table(builder, 8, {**texts, 3: graphs}), b"M001")
    return bytes(builder.Output())


def archive(content: bytes, labels: dict[str, Sequence[str]]) -> bytes:
    """Return a .tflite file with its labels behind it, as a zip archive that reads from the end."""
    files = label_files(labels)
    return attach(content, {files[name]: ("\n".join(words) + "\n").encode() for name, words in labels.items()})


def label_files(names: Iterable[str]) -> dict[str, str]:
    """Return the file of labels of each output: its name with "_" for what a path could be made of.

    Args:
        names: The outputs that have labels; a file from elsewhere may call one "../x".
    """
    taken: set[str] = set()
    return {name: f"{unique('labels_' + re.sub(r'[^A-Za-z0-9_-]', '_', name), taken)}.txt" for name in names}


def _tensor(builder: flatbuffers.Builder, spec: TensorSpec, labels: str | None) -> int:
    fields = {0: builder.CreateString(spec.name), 1: builder.CreateString(_described(spec))}
    if labels is not None:
        file = builder.CreateString(labels)
        builder.StartObject(5)
        builder.PrependUOffsetTRelativeSlot(0, file, 0)
        builder.PrependInt8Slot(2, AXIS_LABELS, 0)
        fields[6] = _vector(builder, [builder.EndObject()])
    return _table(builder, 7, fields)


def _described(spec: TensorSpec) -> str:
    if spec.scale is None:
        return str(spec)
    return f"{spec}; number = {spec.scale!r} * (integer - {spec.zero_point})"


def _table(builder: flatbuffers.Builder, slots: int, fields: dict[int, int]) -> int:
    builder.StartObject(slots)
    for slot, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
