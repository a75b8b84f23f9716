"""A file as an editable graph: nothing is lost on the way there and back, and edits keep producers and readers."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.models import images, small_cnn, three_inputs
from tests.properties.graphs import dangling
from tfcompress import Runner, convert
from tfcompress.litert.graph import EditableFile, Graph, Op, Signature, Value
from tfcompress.litert.serialization import options, read_graph, write_graph
from tfcompress.litert.tflite_model import TFLiteModel


def chain():
    """x → RELU → y → ADD(y, 1) → z."""
    graph = Graph("main")
    x, y, z = (graph.add(Value(name, (1, 4))) for name in "xyz")
    one = graph.constant(1.0, "float32")
    graph.append(Op("RELU", [x], [y]))
    graph.append(Op("ADD", [y, one], [z], options("Add")))
    graph.inputs, graph.outputs = [x], [z]
    graph.signatures = [Signature("serving_default", [("in", x)], [("out", z)])]
    return graph


def run(graph, rows):
    return Runner(TFLiteModel(write_graph(EditableFile([graph]))), runtime="reference").predict(rows)


def test_a_graph_built_by_hand_runs():
    rows = np.array([[-1, 0, 1, 2]], np.float32)
    assert run(chain(), rows).tolist() == [[1, 1, 2, 3]]


def test_what_was_read_is_written_again(k, rng):
    tflite = convert(small_cnn(k), "int8", samples=images(rng))
    there = TFLiteModel(write_graph(read_graph(tflite.content)))
    assert (there.inputs, there.outputs, there.manifest) == (tflite.inputs, tflite.outputs, tflite.manifest)
    assert [(op.name, op.version) for op in there.ops] == [(op.name, op.version) for op in tflite.ops]
    assert there.subgraphs == tflite.subgraphs
    for tensor in tflite.subgraphs[0]:
        assert np.array_equal(there.constant(tensor), tflite.constant(tensor))
    assert there.size <= tflite.size
    x = images(rng, 4)
    assert np.array_equal(Runner(there).predict(x), Runner(tflite).predict(x))


def test_names_of_several_inputs_stay_with_their_tensors(k, rng):
    tflite = convert(three_inputs(k), "float32")
    there = TFLiteModel(write_graph(read_graph(tflite.content)))
    x = {spec.name: rng.random((3, *spec.shape[1:]), dtype=np.float32) for spec in tflite.inputs}
    assert np.array_equal(Runner(there).predict(x), Runner(tflite).predict(x))


def test_constants_behind_the_flatbuffer_come_inside():
    content = write_graph(EditableFile([chain()]))
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    held = next(buffer for buffer in model.buffers if buffer.data is not None)
    data, held.data, held.offset, held.size = bytes(held.data), None, 4096, 4
    outside = _packed(model).ljust(4096, b"\0") + data
    file = read_graph(outside)
    assert file.main.ops[1].inputs[1].data == 1.0
    rows = np.array([[-1, 0, 1, 2]], np.float32)
    assert Runner(TFLiteModel(write_graph(file)), runtime="reference").predict(rows).tolist() == [[1, 1, 2, 3]]


def _packed(model):
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_custom_ops_optional_inputs_and_strange_names_stay():
    graph = chain()
    odd = graph.add(Value(b"\xff/\xfe".decode("utf-8", "surrogateescape"), (2,)))
    op = Op("MyOp", [graph.outputs[0], None], [odd], version=3, is_custom=True)
    op.rest["customOptions"] = np.frombuffer(b"settings", np.uint8)
    graph.append(op)
    found = read_graph(write_graph(EditableFile([graph], [("note", np.frombuffer(b"text", np.uint8))], "made by hand")))
    there = found.main.ops[-1]
    assert (there.kind, there.version, there.is_custom, there.inputs[1]) == ("MyOp", 3, True, None)
    assert bytes(there.rest["customOptions"]) == b"settings"
    assert there.outputs[0].name == odd.name
    assert (found.metadata[0][0], bytes(found.metadata[0][1]), found.description) == ("note", b"text", "made by hand")


def test_replace_keeps_producers_and_readers():
    graph = chain()
    relu, add = graph.ops
    x, y = relu.inputs[0], relu.outputs[0]
    product = Op("MUL", [x, x], [y], options("Mul"))
    graph.replace(relu, product)
    assert graph.ops == [product, add]
    assert (y.producer, x.readers) == (product, [product, product])
    assert run(graph, np.array([[-1, 0, 1, 2]], np.float32)).tolist() == [[2, 1, 2, 5]]
    graph.set_input(product, 1, graph.constant(3.0, "float32"))
    assert x.readers == [product]
    assert run(graph, np.array([[-1, 0, 1, 2]], np.float32)).tolist() == [[-2, 1, 4, 7]]


def test_an_output_can_be_replaced_in_graph_and_signature():
    graph = chain()
    twice = graph.new_like(graph.outputs[0], "twice")
    graph.append(Op("ADD", [graph.outputs[0]] * 2, [twice], options("Add")))
    graph.set_output(twice, instead_of=graph.outputs[0])
    tflite = TFLiteModel(write_graph(EditableFile([graph])))
    assert [spec.name for spec in tflite.outputs] == ["out"]
    assert Runner(tflite, runtime="reference").predict(np.array([[-1, 0, 1, 2]], np.float32)).tolist() == [[2, 2, 4, 6]]


def test_small_constants_serve_again_and_unused_ones_go():
    graph = chain()
    assert graph.constant(1.0, "float32") is graph.ops[1].inputs[1]
    assert graph.constant(1, "int32") is not graph.ops[1].inputs[1]
    assert len(graph.values) == 5
    graph.drop_unused()
    assert len(graph.values) == 4


def test_faults_of_a_graph_are_listed():
    graph = chain()
    assert dangling(graph) == []
    relu = graph.ops[0]
    graph.remove(relu)
    assert dangling(graph) == ["op 0 ADD reads 'y', which nothing has produced"]
    graph.append(relu)
    assert dangling(graph) == ["op 0 ADD reads 'y', which nothing has produced"]
    graph.ops.clear()
    assert dangling(graph) == ["nothing produces the output 'z'"]


@pytest.mark.parametrize("dtype", ["float16", "int64", "uint8", "bool"])
def test_data_of_every_plain_type_comes_back(dtype):
    graph = chain()
    value = graph.add(Value("held", ()))
    value.data = np.array([[0, 1], [1, 0]], dtype)
    graph.append(Op("MyOp", [value], [], is_custom=True))
    there = read_graph(write_graph(EditableFile([graph]))).main.ops[-1].inputs[0]
    assert (there.dtype, there.shape) == (dtype, (2, 2))
    assert np.array_equal(there.data, value.data)


def test_int4_stays_bytes():
    value = Value("packed", (3,), "int4", np.array([0x21, 0x03], np.uint8))
    assert value.is_constant
    assert value.data is None
