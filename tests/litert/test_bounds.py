import copy
import time
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.foreign_files import loop, one_op, plainly_packed, unpacked, with_constants_behind
from tfcompress.litert.bounds import require_sound
from tfcompress.litert.flatbuffer import pack

DIGITS = Path(__file__).parent.parent.parent / "tflite_models" / "digits_keras_int8.tflite"


def output(model, op, side="outputs", position=0):
    graph = model.subgraphs[0]
    return graph.tensors[getattr(graph.operators[op], side)[position]]


def unfolding(graphs, tensors):
    """A small file in which many entries point to one graph, and many of its entries to one tensor."""
    builder = flatbuffers.Builder(1024)
    name = builder.CreateString("x")
    schema.TensorStart(builder)
    schema.TensorAddName(builder, name)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, tensors)
    for _ in range(tensors):
        builder.PrependUOffsetTRelative(tensor)
    all_tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, all_tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, graphs)
    for _ in range(graphs):
        builder.PrependUOffsetTRelative(graph)
    all_graphs = builder.EndVector()
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, all_graphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_small_file_cannot_unfold_to_a_huge_one():
    content = unfolding(20_000, 20_000)  # 160 kB that would be 400 million tensors
    started = time.process_time()
    with pytest.raises(tfcompress.FileError, match="far more than it is"):
        tfcompress.TFLiteModel(content)
    assert time.process_time() - started < 10
    require_sound(unfolding(1, 3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: setattr(model.subgraphs[0].operators[0], "opcodeIndex", 99), "kind of op 0: number 99 of 6"),
        (lambda model: setattr(model.subgraphs[0].operators[1], "inputs", [0, -7]), "inputs of op 1: number -7"),
        (lambda model: setattr(model.subgraphs[0], "outputs", [-1]), "outputs: number -1"),
        (lambda model: setattr(model.subgraphs[0], "inputs", [10_000]), "inputs: number 10000"),
        (lambda model: setattr(model.subgraphs[0].tensors[2], "buffer", 10_000), "buffer of tensor 2"),
        (lambda model: setattr(model.subgraphs[0].tensors[2], "shape", [1] * 40), "a tensor of 40 axes"),
        (lambda model: setattr(model.subgraphs[0].tensors[2], "shape", [2**30]), "a constant of 1,073,741,824 values"),
        (lambda model: setattr(model.signatureDefs[0], "subgraphIndex", 3), "graph of a signature"),
        (lambda model: setattr(model.signatureDefs[0].inputs[0], "tensorIndex", 3000), "inputs of a signature"),
        (lambda model: setattr(model.metadata[-1], "buffer", 3000), "buffer of metadata"),
        (lambda model: setattr(model, "subgraphs", []), "no graph"),
        (lambda model: setattr(output(model, 2), "buffer", output(model, 2, "inputs", 1).buffer), "op 2, which writes"),
        (
            lambda model: setattr(model.subgraphs[0].operators[3], "outputs", [*model.subgraphs[0].inputs]),
            "op 4, which r",
        ),
        (lambda model: model.subgraphs[0].operators.reverse(), "op 0, which reads what nothing has written"),
        (lambda model: model.subgraphs[0].operators.pop(), "an output that nothing has written"),
        (
            lambda model: setattr(
                model.signatureDefs[0].outputs[0], "tensorIndex", model.subgraphs[0].operators[0].outputs[0]
            ),
            "a signature whose outputs are not those of its graph",
        ),
    ],
)
def test_what_points_outside_is_named(change, words):
    model = schema.ModelT.InitFromPackedBuf(DIGITS.read_bytes(), 0)
    change(model)
    with pytest.raises(tfcompress.FileError) as caught:
        tfcompress.TFLiteModel(pack(model))
    assert words in str(caught.value)


def test_names_that_stand_twice_are_told_apart():
    model = schema.ModelT.InitFromPackedBuf(DIGITS.read_bytes(), 0)
    model.subgraphs[0].outputs = [*model.subgraphs[0].outputs] * 2
    model.signatureDefs = None
    first, second = tfcompress.TFLiteModel(pack(model)).outputs
    assert second.name == f"{first.name}_1"


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_not_used(scale):
    model = schema.ModelT.InitFromPackedBuf(DIGITS.read_bytes(), 0)
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].quantization.scale = [scale]
    assert tfcompress.TFLiteModel(pack(model)).inputs[0].scale is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda buffer, size: setattr(buffer, "offset", 2**64 - 1), "constant data beyond its end"),
        (lambda buffer, size: setattr(buffer, "size", 2**63), "constant data beyond its end"),
        (lambda buffer, size: setattr(buffer, "offset", size - buffer.size + 1), "constant data beyond its end"),
        (lambda buffer, size: setattr(buffer, "size", buffer.size - 1), "values in"),
        (lambda buffer, size: setattr(buffer, "offset", buffer.offset - 20), "begins inside of the other"),
    ],
)
def test_what_lies_behind_the_flatbuffer_lies_in_the_file_and_apart(change, words):
    content = with_constants_behind(DIGITS.read_bytes())
    model = unpacked(content)
    flat = len(plainly_packed(model))
    change(max(model.buffers, key=lambda buffer: buffer.size), len(content))
    changed = plainly_packed(model)
    assert len(changed) == flat
    with pytest.raises(tfcompress.FileError) as caught:
        tfcompress.TFLiteModel(changed + content[flat:])
    assert words in str(caught.value)


def test_another_version_of_the_format_is_told():
    model = unpacked(DIGITS.read_bytes())
    model.version = 2
    with pytest.raises(tfcompress.FileError, match="version 3"):
        tfcompress.TFLiteModel(plainly_packed(model))


def test_constants_in_another_file_are_told():
    model = unpacked(DIGITS.read_bytes())
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]
    tensor.externalBuffer, tensor.buffer = 1, 0
    with pytest.raises(tfcompress.FileError, match="constants in another file"):
        tfcompress.TFLiteModel(plainly_packed(model))


def test_many_buffers_at_one_place_do_not_unfold_to_a_huge_file():
    content = with_constants_behind(DIGITS.read_bytes())
    model = unpacked(content)
    flat, largest = len(plainly_packed(model)), max(model.buffers, key=lambda buffer: buffer.size)
    model.buffers += [copy.copy(largest) for _ in range(1000)]
    shift = len(plainly_packed(model)) - flat
    for buffer in model.buffers:
        buffer.offset += shift if buffer.offset > 1 else 0
    with pytest.raises(tfcompress.FileError, match="far more than it is"):
        tfcompress.TFLiteModel(plainly_packed(model) + content[flat:])


def test_options_of_a_custom_op_beyond_the_end_are_named():
    model = unpacked(one_op("CUSTOM", [(1,)], [(1,)], custom="Mine"))
    op = model.subgraphs[0].operators[0]
    op.largeCustomOptionsOffset, op.largeCustomOptionsSize = 100, 2**40
    with pytest.raises(tfcompress.FileError, match="options of op 0 beyond its end"):
        tfcompress.TFLiteModel(plainly_packed(model))


@pytest.mark.parametrize(("graph", "words"), [(7, "graph that an op runs: number 7 of 3"), (0, "run themselves")])
def test_graphs_that_are_not_there_or_have_no_end_are_refused(graph, words):
    model = unpacked(loop(3))
    model.subgraphs[0].operators[0].builtinOptions.bodySubgraphIndex = graph
    with pytest.raises(tfcompress.FileError, match=words):
        tfcompress.TFLiteModel(pack(model))
