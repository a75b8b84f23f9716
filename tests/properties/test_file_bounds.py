"""Damaged files: each part has its price and its limits; what is just within passes, one more is refused."""

import re

import numpy as np
import pytest

from tests.foreign_files import Graph, empty_model, plainly_packed, schema, with_constants_behind
from tfcompress.errors import FileError
from tfcompress.litert import bounds
from tfcompress.litert.bounds import BITS, MAX_AXES, MAX_SIGNATURES, require_sound


def rich():
    """A file with one of everything that takes room: a custom op, metadata, signatures, sparsity, scales, ranges."""
    model = empty_model()
    graph = Graph(model)
    x, state = graph.tensor((1, 4), name="input"), graph.tensor((1, 4), name="state", variable=True)
    weights = graph.constant(np.ones((4, 4)))
    y, z, inner = graph.tensor((1, 4)), graph.tensor((1, 4), name="result"), graph.tensor((1, 4))
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    graph.op("CUSTOM", [y, state], [z], custom="MyOwnOp")
    graph.raw.operators[0].intermediates = [inner, inner, inner]
    graph.raw.operators[1].customOptions = np.frombuffer(b"settings", np.uint8)
    graph.raw.operators[1].mutatingVariableInputs = [False, True]
    arithmetic = schema.QuantizationParametersT()
    arithmetic.scale, arithmetic.zeroPoint = [1.0] * 5, [0] * 7
    arithmetic.min, arithmetic.max = [0.0] * 11, [1.0] * 13
    graph.raw.tensors[x].quantization = arithmetic
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder, sparsity.blockMap = [0, 1, 2], [0] * 5
    sparsity.dimMetadata = [schema.DimensionMetadataT() for _ in range(7)]
    graph.raw.tensors[y].sparsity = sparsity
    graph.raw.tensors[z].variantTensors = [schema.VariantSubTypeT() for _ in range(3)]
    graph.ends([x], [z])
    entry, note = schema.MetadataT(), schema.BufferT()
    note.data = np.frombuffer(b"a note", np.uint8)
    model.buffers.append(note)
    entry.name, entry.buffer = "a name of metadata", len(model.buffers) - 1
    model.metadata, model.metadataBuffer = [entry], [1, 1, 1]
    signature = schema.SignatureDefT()
    sides = []
    for key, index in (("x", x), ("a long name", z)):
        end = schema.TensorMapT()
        end.name, end.tensorIndex = key, index
        sides.append([end])
    signature.inputs, signature.outputs = sides
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    model.signatureDefs = [signature]
    group, outside = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
    group.name, outside.packing, outside.group = "weights.bin", "packed", 0
    model.externalBufferGroups, model.externalBuffers = [group, group], [outside]
    return model


def length(value):
    return 0 if value is None else len(value)


def price(model):
    """What a file unfolds to, entry by entry, as the module's docstrings and its reader have it."""
    total = sum(
        8 * length(part)
        for part in (
            model.operatorCodes, model.buffers, model.subgraphs, model.signatureDefs, model.metadata,
            model.metadataBuffer, model.externalBuffers, model.externalBufferGroups,
        )
    )  # fmt: skip
    total += sum(length(code.customCode) for code in model.operatorCodes)
    total += sum(length(buffer.data) or buffer.size for buffer in model.buffers)
    total += sum(length(entry.name) for entry in model.metadata or [])
    total += sum(length(group.name) for group in model.externalBufferGroups or [])
    total += sum(length(outside.packing) for outside in model.externalBuffers or [])
    for graph in model.subgraphs:
        total += 16 * (length(graph.tensors) + length(graph.operators))
        total += 4 * (length(graph.inputs) + length(graph.outputs))
        for tensor in graph.tensors:
            total += length(tensor.name) + 8 * length(tensor.variantTensors)
            if (held := tensor.quantization) is not None:
                total += 4 * (length(held.scale) + length(held.min) + length(held.max)) + 8 * length(held.zeroPoint)
            if (held := tensor.sparsity) is not None:
                total += 4 * (length(held.traversalOrder) + length(held.blockMap)) + 16 * length(held.dimMetadata)
        for op in graph.operators:
            total += 4 * (length(op.inputs) + length(op.outputs) + length(op.intermediates))
            total += length(op.customOptions) + length(op.mutatingVariableInputs) + op.largeCustomOptionsSize
    for signature in model.signatureDefs or []:
        ends = [*signature.inputs, *signature.outputs]
        total += length(signature.signatureKey) + sum(8 + length(end.name) for end in ends)
    return total


def unpacked(content):
    return schema.ModelT.InitFromPackedBuf(content, 0)


@pytest.mark.parametrize("behind", [False, True], ids=["inside", "constants behind the flatbuffer"])
def test_a_file_may_unfold_to_its_price_and_not_to_a_byte_more_than_allowed(monkeypatch, behind):
    content = plainly_packed(rich())
    content = with_constants_behind(content) if behind else content
    needed = price(unpacked(content))
    monkeypatch.setattr(bounds, "SLACK", needed - 4 * len(content))
    require_sound(content)
    monkeypatch.setattr(bounds, "SLACK", needed - 4 * len(content) - 1)
    with pytest.raises(FileError, match="unfold to far more than it is"):
        require_sound(content)


def test_an_honest_file_stays_far_below_what_is_allowed():
    content = plainly_packed(rich())
    assert price(unpacked(content)) < 2 * len(content) < 4 * len(content) + bounds.SLACK


def refused(model, words):
    with pytest.raises(FileError, match=words) as told:
        require_sound(plainly_packed(model))
    assert re.search("The file is damaged|Export it with its weights inside|Convert the model again", str(told.value))
    return True


def graph_of(model):
    return model.subgraphs[0]


@pytest.mark.parametrize(
    ("set_to", "count", "least", "words"),
    [
        (lambda m, n: setattr(graph_of(m).operators[0], "opcodeIndex", n), lambda m: len(m.operatorCodes), 0,
         "kind of op 0"),
        (lambda m, n: graph_of(m).operators[0].inputs.__setitem__(2, n), lambda m: len(graph_of(m).tensors), -1,
         "inputs of op 0"),
        (lambda m, n: setattr(graph_of(m).operators[0], "intermediates", [n]), lambda m: len(graph_of(m).tensors), -1,
         "intermediates of op 0"),
        (lambda m, n: setattr(graph_of(m).tensors[4], "buffer", n), lambda m: len(m.buffers), 0, "buffer of tensor 4"),
        (lambda m, n: setattr(m.metadata[0], "buffer", n), lambda m: len(m.buffers), 0, "buffer of metadata"),
        (lambda m, n: setattr(m.externalBuffers[0], "group", n), lambda m: 2, 0, "group of external data"),
        (lambda m, n: setattr(m.signatureDefs[0], "subgraphIndex", n), lambda m: 1, 0, "graph of a signature"),
    ],
)  # fmt: skip
def test_a_number_reaches_from_the_first_to_the_last_of_its_table(set_to, count, least, words):
    size = count(rich())

    def told(number):
        model = rich()
        set_to(model, number)
        try:
            require_sound(plainly_packed(model))
        except FileError as error:
            return f"{words}: number {number} of {size}" in str(error)
        return False

    assert told(size)
    assert not told(size - 1)
    assert not told(least)
    if least < 0:  # others are unsigned in the format
        assert told(least - 1)


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_ends_of_a_graph_and_of_its_signature_are_tensors_of_it(side):
    for number in (-1, 6):
        model = rich()
        setattr(graph_of(model), side, [number])
        assert refused(model, f"{side}: number {number} of 6")
    model = rich()
    getattr(model.signatureDefs[0], side)[0].tensorIndex = 6
    assert refused(model, f"{side} of a signature: number 6 of 6")
    model = rich()
    getattr(model.signatureDefs[0], side)[0].tensorIndex = 3
    assert refused(model, f"a signature whose {side} are not those of its graph: tensor 3")


def test_axes_and_signatures_up_to_their_limit():
    for axes in ([1] * MAX_AXES, [1] * (MAX_AXES + 1)):
        for name in ("shape", "shapeSignature"):
            model = rich()
            setattr(graph_of(model).tensors[1], name, axes)
            assert len(axes) <= MAX_AXES or refused(model, "a tensor of 33 axes")
            assert len(axes) > MAX_AXES or require_sound(plainly_packed(model)) is None
    model = rich()
    model.signatureDefs = model.signatureDefs * MAX_SIGNATURES
    require_sound(plainly_packed(model))
    model.signatureDefs = [*model.signatureDefs, model.signatureDefs[0]]
    assert refused(model, "1,001 signatures")


def test_version_graphs_and_constants_elsewhere():
    for version in (2, 4):
        model = rich()
        model.version = version
        assert refused(model, f"version 3 of the format.*version {version}")
    model = rich()
    model.subgraphs = []
    assert refused(model, "no graph in it")
    model = rich()
    graph_of(model).tensors[2].externalBuffer = 1
    assert refused(
        model, "holds its own constants is needed. Received: one with constants in another file: tensor 2, b't2'"
    )


# What flows where


def chain():
    """x → RELU → y → RELU → z, a constant c and a variable v beside."""
    model = empty_model()
    graph = Graph(model)
    x, y, z = (graph.tensor((1, 4)) for _ in range(3))
    graph.constant(np.ones(4))
    graph.tensor((1, 4), variable=True)
    graph.op("RELU", [x], [y])
    graph.op("RELU", [y], [z])
    graph.ends([x], [z])
    return model


X, Y, Z, CONSTANT, VARIABLE = range(5)


def test_a_tensor_is_ready_by_its_own_number_alone():
    """The first of a graph is no exception."""
    with pytest.raises(FileError, match="op 0, which reads what nothing has written: tensor 0"):
        flows(((X,), (Y,)), ((Y,), (Z,)), ends=((VARIABLE,), (Z,)))


def flows(*ops, ends=((X,), (Z,)), custom=False, change=lambda graph: None):
    model = chain()
    graph = graph_of(model)
    for op, (reads, writes) in zip(graph.operators, ops, strict=True):
        op.inputs, op.outputs = [*reads], [*writes]
    graph.inputs, graph.outputs = ([*end] for end in ends)
    if custom:
        model.operatorCodes[1].customCode = "Mine"
    change(graph)
    require_sound(plainly_packed(model))


def test_an_op_reads_what_was_written_before_it():
    flows(((X,), (Y,)), ((Y,), (Z,)))
    flows(((CONSTANT, VARIABLE, -1), (Y,)), ((Y, X), (Z,)))
    with pytest.raises(FileError, match="op 0, which reads what nothing has written: tensor 1"):
        flows(((Y,), (Z,)), ((X,), (Y,)))
    with pytest.raises(FileError, match="op 1, which reads what nothing has written: tensor 1"):
        flows(((X,), (Z,)), ((X, Y), ()))
    with pytest.raises(FileError, match="op 1, which reads"):
        flows(((X,), (Z,)), ((Z, -1, Y), ()))


def test_custom_ops_have_working_memory_of_their_own():
    flows(((X,), (Z,)), ((Y,), ()), custom=True)


def test_no_op_writes_where_other_data_is():
    for written in (CONSTANT, Y):
        with pytest.raises(FileError, match=f"op 1, which writes where other data is: tensor {written}"):
            flows(((X,), (Y,)), ((X,), (Z, written)))
    flows(((X,), (Y,)), ((Y,), (Z, VARIABLE)))


def test_outputs_were_written_and_inputs_are_no_constants():
    for out in (X, CONSTANT, VARIABLE, Y):
        flows(((X,), (Y,)), ((Y,), (Z,)), ends=((X,), (Z, out)))
    with pytest.raises(FileError, match="an output that nothing has written: tensor 2"):
        flows(((X,), (Y,)), ((Y,), ()))
    with pytest.raises(FileError, match="constant data as an input"):
        flows(((X,), (Y,)), ((Y,), (Z,)), ends=((X, CONSTANT), (Z,)))


@pytest.mark.parametrize("kind", ["RESOURCE", "VARIANT", "STRING"])
def test_what_holds_no_numbers_needs_no_writer(kind):
    flows(((X, Y), (Z,)), ((X,), ()), change=lambda g: setattr(g.tensors[Y], "type", getattr(schema.TensorType, kind)))


def test_an_empty_tensor_needs_no_writer():
    flows(((X, Y), (Z,)), ((X,), ()), change=lambda g: setattr(g.tensors[Y], "shape", [3, 0, 2]))
    with pytest.raises(FileError, match="reads what nothing"):
        flows(((X, Y), (Z,)), ((X,), ()), change=lambda g: setattr(g.tensors[Y], "shape", [3, 1, 2]))


# Constants have as many bytes as values


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("INT8", 8), ("UINT8", 8), ("INT16", 16), ("UINT16", 16), ("INT32", 32), ("INT64", 64), ("FLOAT16", 16),
     ("FLOAT32", 32), ("FLOAT64", 64), ("BOOL", 8), ("INT4", 4)],
)  # fmt: skip
def test_a_constant_holds_no_more_values_than_its_bytes_have_room_for(kind, bits):
    assert BITS[getattr(schema.TensorType, kind)] == bits
    room = 16 * 8 // bits

    def built(shape):
        model = chain()
        tensor = graph_of(model).tensors[CONSTANT]
        tensor.shape, tensor.type = shape, getattr(schema.TensorType, kind)
        return model

    for shape in ([room], [room // 2, 2], [-1, room], [1, room - 1]):
        require_sound(plainly_packed(built(shape)))
    for shape in ([room + 1], [2, room // 2 + 1]):
        assert refused(built(shape), r"A whole \.tflite file is.*a constant of [\d,]+ values in 16 bytes: tensor 3")
    sparse = built([4 * room])
    graph_of(sparse).tensors[CONSTANT].sparsity = schema.SparsityParametersT()
    require_sound(plainly_packed(sparse))


# What lies behind the flatbuffer


def behind(offset, size):
    """The offset of the last constant is counted from the end of the file."""
    content = with_constants_behind(plainly_packed(chain()))
    model = unpacked(content)
    buffer = model.buffers[1]
    assert (buffer.offset, buffer.size) == (len(content) - 16, 16)
    buffer.offset, buffer.size = len(content) + offset, size
    flat = len(plainly_packed(model))
    require_sound(plainly_packed(model) + content[flat:])


def test_constants_behind_end_with_the_file():
    behind(-16, 16)
    for offset, size in ((-15, 16), (-16, 17), (2**40, 16), (-16, 2**40)):
        with pytest.raises(FileError, match="constant data beyond its end"):
            behind(offset, size)


def test_constants_behind_are_one_or_apart():
    content = with_constants_behind(plainly_packed(chain()), twin=True)
    require_sound(content)
    model = unpacked(content)
    first, second = model.buffers[1], model.buffers[-1]
    assert first.offset == second.offset
    flat = len(plainly_packed(model))
    shape = graph_of(model).tensors[-1]

    def moved(by, size):
        second.offset, second.size, shape.shape = first.offset + by, size, [size // 4]
        return plainly_packed(model) + content[flat:] + bytes(32)

    for by, size in ((16, 16), (-16, 16), (0, 16)):
        require_sound(moved(by, size))
    for by, size in ((4, 8), (-12, 16), (12, 16), (0, 8)):
        with pytest.raises(FileError, match=r"two constants at byte [\d,]+, of which one begins inside of the other"):
            require_sound(moved(by, size))


def test_large_options_end_with_the_file():
    model = rich()
    op = graph_of(model).operators[1]
    op.customOptions, op.largeCustomOptionsOffset, op.largeCustomOptionsSize = None, 64, 8
    content = plainly_packed(model)
    require_sound(content)
    op.largeCustomOptionsOffset = len(content) - 8
    require_sound(plainly_packed(model))
    op.largeCustomOptionsOffset += 1
    with pytest.raises(FileError, match="options of op 1 beyond its end"):
        require_sound(plainly_packed(model))
    op.largeCustomOptionsOffset = 1  # writers leave 0 or 1 where there are none
    require_sound(plainly_packed(model))


# Graphs that run graphs


def calling(*calls):
    """As many graphs as tuples; each runs those that its tuple names."""
    model = empty_model()
    for numbers in calls:
        graph = Graph(model)
        x = graph.tensor((1, 4))
        for number in numbers:
            options = schema.CallOptionsT()
            options.subgraph = number
            x, before = graph.tensor((1, 4)), x
            graph.op("CALL", [before], [x], options)
        graph.ends([0], [x])
    return plainly_packed(model)


@pytest.mark.parametrize("calls", [[(1, 2), (2,), ()], [(), (0,), (1, 0)], [(1, 1), ()], [()]])
def test_graphs_may_run_others_in_any_order(calls):
    require_sound(calling(*calls))


@pytest.mark.parametrize("calls", [[(0,)], [(1,), (0,)], [(1,), (2,), (1,)], [(), (2,), (1, 0)]])
def test_no_graph_runs_itself(calls):
    with pytest.raises(FileError, match="graphs that run themselves"):
        require_sound(calling(*calls))


def test_no_graph_runs_one_that_is_not_there():
    with pytest.raises(FileError, match="graph that an op runs: number 2 of 2"):
        require_sound(calling((2,), ()))


def test_a_length_below_zero_is_told():
    with pytest.raises(
        FileError, match=r"^A whole \.tflite file is needed\. Received: a file with a negative length\."
    ):
        bounds._Budget(5).spend(-1)
