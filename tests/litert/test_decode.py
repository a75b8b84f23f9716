"""What the encoders write, TFLM reads; what our decoders take, TFLM reads within its bounds, and as they do."""

import numpy as np
import pytest

import tfcompress
from tfcompress.litert.decode import huffman, lookup_table, pruning_mask
from tfcompress.litert.decode.decode_op import decoded, require_decodable
from tfcompress.litert.decode.encoding import DECODE, Encoding, Layout, layout_of
from tfcompress.litert.decode.huffman_code import huffman_code
from tfcompress.litert.graph import EditableFile, Graph, Op, Quantization, Value
from tfcompress.litert.serialization import write_graph


def file_of(encoding, shape, dtype="int8", scales=1, axis=0):
    """A file that puts out what DECODE makes of an encoding."""
    points = np.zeros(scales, np.int64)
    known = Quantization(np.ones(scales, np.float32), points, axis) if scales else None
    result = Value("result", shape, dtype, quantization=known)
    stream, table = (Value("", (len(each),), "uint8", each) for each in (encoding.stream, encoding.table))
    given, kept = (Value(name, (1, 4), "int8", quantization=Quantization(np.ones(1, np.float32))) for name in "xy")
    graph = Graph("main", values=[given, kept, stream, table, result], inputs=[given], outputs=[kept, result])
    graph.append(Op(DECODE, [stream, table], [result], is_custom=True))
    graph.append(Op("RELU", [given], [kept]))
    return EditableFile([graph])


def on_tflm(file):
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(write_graph(file), arena_size=1 << 20)
    interpreter.set_input(np.zeros((1, 4), np.int8), 0)
    interpreter.invoke()
    return np.array(interpreter.get_output(1))


def encoded(method, values, layout):
    flat = values.reshape(-1)
    if method is huffman:
        return huffman.encode(flat, layout, huffman_code(*np.unique(flat, return_counts=True), layout.dtype))
    return method.encode(flat, layout)


CASES = [
    (pruning_mask, "int8", (6, 5, 3), 1, 0),
    (pruning_mask, "int8", (6, 5, 3), 6, 0),
    (pruning_mask, "int8", (1, 5, 3), 3, 2),
    (pruning_mask, "int16", (7, 9), 0, 0),
    (lookup_table, "int8", (6, 5, 3), 1, 0),
    (lookup_table, "int8", (6, 5, 16), 6, 0),
    (lookup_table, "int8", (1, 50, 3), 3, 2),
    (lookup_table, "int16", (40, 9), 0, 0),
    (huffman, "int8", (6, 5, 3), 6, 0),
    (huffman, "int8", (70, 90), 1, 0),
    (huffman, "int16", (70, 9), 1, 0),
]


@pytest.mark.micro
@pytest.mark.parametrize(("method", "dtype", "shape", "scales", "axis"), CASES)
@pytest.mark.parametrize("kinds", [1, 2, 3, 5, 16, 100, 250])
def test_tflm_reads_what_is_written(method, dtype, shape, scales, axis, kinds, rng):
    numbers = rng.integers(-100 if dtype == "int8" else -30_000, 100, kinds)
    numbers[0] = 0
    values = rng.choice(numbers, shape, p=rng.dirichlet(np.full(kinds, 0.3))).astype(dtype)
    layout = Layout(dtype, values.size, max(1, scales), scales > 1 and axis == len(shape) - 1, (0,) * max(1, scales))
    encoding = encoded(method, values, layout)
    if encoding is None:
        assert method is lookup_table
        assert kinds > 100
        return
    file = file_of(encoding, shape, dtype, scales, axis)
    assert layout_of(file.main.values[-1]) == layout
    require_decodable(file)
    assert np.array_equal(decoded(file.main.values[-1]), values)
    assert np.array_equal(on_tflm(file), values)


@pytest.mark.micro
@pytest.mark.parametrize("method", [pruning_mask, lookup_table, huffman])
def test_what_is_taken_of_damaged_streams_tflm_reads_alike(method, rng):
    """Headers, tables and streams of noise: most are refused, and what is not must not differ."""
    values = rng.choice([0, 0, 0, 0, 1, -1, 5, 7, 90], (64, 7)).astype(np.int8)
    taken = refused = 0
    for _ in range(150):
        encoding = encoded(method, values, Layout("int8", values.size))
        stream, table = encoding.stream.copy(), encoding.table.copy()
        for part in (stream, table[4:]):
            places = rng.integers(0, len(part), rng.integers(0, 4))
            part[places] = rng.integers(0, 256, len(places))
        if rng.random() < 0.2:
            stream = stream[: rng.integers(len(stream) + 1)]
        file = file_of(Encoding("", stream, table), values.shape)
        try:
            require_decodable(file)
        except tfcompress.FileError:
            refused += 1
            continue
        taken += 1
        assert np.array_equal(on_tflm(file), decoded(file.main.values[-1]))
    assert taken > 10
    assert refused > 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda op: op.inputs[1].content.__setitem__(0, 127), "the header 7f"),
        (lambda op: op.inputs[1].content.__setitem__(1, 2), "the header 0202"),
        (lambda op: op.inputs.pop(), "1 inputs and 1 outputs"),
        (lambda op: setattr(op.inputs[0], "content", None), "no constant"),
        (lambda op: setattr(op.outputs[0], "shape", (4000,)), "a mask of 13 bytes for 4,000 values"),
        (lambda op: setattr(op.outputs[0], "shape", (-1, 5)), "an open size"),
        (lambda op: setattr(op.outputs[0], "dtype", "int4"), "values of int4"),
        (lambda op: setattr(op.outputs[0].quantization, "axis", 1), "scales along axis 1"),
        (lambda op: setattr(op.outputs[0].quantization, "scales", np.ones(3, np.float32)), "3 scales for a shape"),
        (lambda op: op.inputs[0].content.fill(255), "chooses 100 of 20 values"),
    ],
)
def test_what_tflm_would_misread_is_refused(change, words):
    values = np.repeat(np.int8([0, 0, 0, 0, 3]), 20)
    file = file_of(encoded(pruning_mask, values, Layout("int8", 100)), (5, 4, 5))
    change(file.main.ops[0])
    with pytest.raises(tfcompress.FileError, match=words):
        require_decodable(file)
    if words not in ("1 inputs and 1 outputs", "an open size"):
        with pytest.raises(tfcompress.FileError):
            tfcompress.TFLiteModel(write_graph(file))


def test_a_code_is_as_short_as_entropy_allows_and_its_tables_small(rng):
    values = np.round(rng.laplace(0, 9, 20_000)).clip(-128, 127).astype(np.int8)
    symbols, counts = np.unique(values, return_counts=True)
    code = huffman_code(symbols, counts, "int8")
    share = counts / counts.sum()
    mean = float(code.lengths @ share)
    entropy = float(-share @ np.log2(share))
    assert entropy <= mean < entropy + 0.1
    assert (2.0**-code.lengths).sum() == 1  # Kraft: no codeword is wasted
    assert len(code.entries) < 3 * len(symbols)


@pytest.mark.micro
def test_a_damaged_codeword_without_bits_repeats_its_value_alone():
    values = np.int8([0, 0, 7, 0, 7, 0])
    encoding = encoded(huffman, values, Layout("int8", 6))
    entries = encoding.table[16:].view(np.uint16)
    assert entries[1] & 0xFF == 7
    entries[1] &= 0x80FF  # found, and all bits are put back
    file = file_of(encoding, (2, 3))
    require_decodable(file)
    assert decoded(file.main.values[-1]).tolist() == [[0, 0, 7], [7, 7, 7]]
    assert np.array_equal(on_tflm(file), [[0, 0, 7], [7, 7, 7]])


def test_values_that_are_all_alike_take_no_bits():
    values = np.full(5000, -7, np.int8)
    encoding = encoded(huffman, values, Layout("int8", 5000))
    assert len(encoding.stream) == 4
    assert np.array_equal(huffman.decode(encoding.stream, encoding.table, Layout("int8", 5000)), values)
    with pytest.raises(ValueError, match="that take no bits"):
        huffman.decode(encoding.stream, encoding.table, Layout("int8", 2**30))
