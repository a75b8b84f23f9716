"""Names, descriptions, labels and image normalization in the form that Android's libraries read out of a .tflite file.

In: tensors, labels, mean and std. Out: the bytes of a metadata entry, and of the archive of labels behind the file.
Source of the format: metadata_schema.fbs of TensorFlow Lite Support (identifier M001): tables are written field by
field under the numbers of that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import flatbuffers
import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.litert.attached_files import attach
from tfcompress.unique_names import unique

ENTRY = "TFLITE_METADATA"
AXIS_LABELS, IMAGE_PROPERTIES, RGB, NORMALIZATION = 2, 2, 1, 1
"""Numbers of the schema: TENSOR_AXIS_LABELS (a line for each value of the last axis), ImageProperties, RGB,
NormalizationOptions."""


Normalization = tuple[list[float], list[float]]
"""Mean and std of pixels from 0 to 255, a number a channel."""


def metadata(
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    labels: Mapping[str, Sequence[str]],
    image: Normalization | None = None,
) -> bytes:
    """Return the metadata of a file.

    Args:
        name: The name of the model.
        inputs: In the order of the graph.
        outputs: In the order of the graph.
        labels: By name of the output.
        image: The normalization of the first input, where it is a picture.
    """
    builder = flatbuffers.Builder(1024)
    files = label_files(labels)
    sides = [
        _vector(builder, [_tensor(builder, spec, None, None if place else image) for place, spec in enumerate(inputs)]),
        _vector(builder, [_tensor(builder, spec, files.get(spec.name), None) for spec in outputs]),
    ]
    graph = _table(builder, 9, {2: sides[0], 3: sides[1]})
    graphs = _vector(builder, [graph])
    texts = {0: builder.CreateString(name), 7: builder.CreateString("1.0.0")}
    builder.Finish(_table(builder, 8, {**texts, 3: graphs}), b"M001")
    return bytes(builder.Output())


def archive(content: bytes, labels: Mapping[str, Sequence[str]]) -> bytes:
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


def _tensor(builder: flatbuffers.Builder, spec: TensorSpec, labels: str | None, image: Normalization | None) -> int:
    fields = {0: builder.CreateString(spec.name), 1: builder.CreateString(_described(spec))}
    if labels is not None:
        file = builder.CreateString(labels)
        builder.StartObject(5)
        builder.PrependUOffsetTRelativeSlot(0, file, 0)
        builder.PrependInt8Slot(2, AXIS_LABELS, 0)
        fields[6] = _vector(builder, [builder.EndObject()])
    if image:
        fields |= _image(builder, *image)
    return _table(builder, 7, fields)


def _image(builder: flatbuffers.Builder, mean: list[float], std: list[float]) -> dict[int, int]:
    """Write what a picture is, how it is normalized, and what comes of that: content, process units, stats."""
    builder.StartObject(2)
    builder.PrependInt8Slot(0, RGB, 0)
    content = _union(builder, IMAGE_PROPERTIES, builder.EndObject(), 3)
    options = _table(builder, 2, {0: _floats(builder, mean), 1: _floats(builder, std)})
    units = _vector(builder, [_union(builder, NORMALIZATION, options, 2)])
    ends = [[(pixel - m) / s for m, s in zip(mean, std, strict=True)] for pixel in (255.0, 0.0)]
    stats = _table(builder, 2, {place: _floats(builder, values) for place, values in enumerate(ends)})
    return {3: content, 4: units, 5: stats}


def _union(builder: flatbuffers.Builder, kind: int, value: int, slots: int) -> int:
    builder.StartObject(slots)
    builder.PrependUint8Slot(0, kind, 0)
    builder.PrependUOffsetTRelativeSlot(1, value, 0)
    return builder.EndObject()


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    return builder.CreateNumpyVector(np.array(values, np.float32))


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
