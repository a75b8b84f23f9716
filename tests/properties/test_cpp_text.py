"""The C++ package read back: its bytes, numbers, ops and sizes are those of the file and of its golden vectors."""

import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.foreign_files import Graph, empty_model, schema
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.c_golden import TOLERANCE
from tfcompress.deployment.c_ops import adder, registration
from tfcompress.deployment.c_source import sources
from tfcompress.deployment.c_text import c_type, comment, header, number, outputs_in_order, rows, size
from tfcompress.deployment.cpp_names import require_namespace
from tfcompress.deployment.golden import Golden
from tfcompress.errors import RunError, SettingError
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.ops.op_catalogue import OPS
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.runtime.quantize_arrays import from_file, to_file

NAMES = {"image": "Image", "shift\n*/ evil": "ShiftEvil", "last": "Last", "clipped": "Clipped"}
"""Names of tensors, and what constants are called by."""
SCALE = np.float32(0.1)
"""No short decimal number: a text with too few digits stands for another one."""


def quantized(graph, index, scale, zero_point):
    held = schema.QuantizationParametersT()
    held.scale, held.zeroPoint = [float(scale)], [zero_point]
    graph.raw.tensors[index].quantization = held


def net(circular=False):
    """image (1, 2, 3) int8 and shift (1, 2, 3) float32 → sum and image as they are; two ADDs, a QUANTIZE, a RELU."""
    model = empty_model()
    graph = Graph(model)
    image, shift = graph.tensor((1, 2, 3), "int8", "image"), graph.tensor((1, 2, 3), name="shift\n*/ evil")
    quantized(graph, image, SCALE, -7)
    wide, total, clipped = graph.tensor((1, 2, 3)), graph.tensor((1, 2, 3)), graph.tensor((1, 2, 3), name="clipped")
    last = graph.tensor((1, 2, 3), "int8", "last")
    quantized(graph, last, 2.0, 0)
    graph.op("DEQUANTIZE", [image], [wide])
    graph.op("ADD", [wide, shift], [total], schema.AddOptionsT())
    graph.op("CUSTOM" if circular else "RELU", [total], [clipped], custom="CIRCULAR_BUFFER" if circular else None)
    graph.op("QUANTIZE", [clipped], [last])
    graph.ends([image, shift], [clipped, last])
    model.signatureDefs = [signature_of({"image": image, "shift\n*/ evil": shift}, {"last": last, "clipped": clipped})]
    return TFLiteModel(pack(model))


def signature_of(*sides):
    """A signature may name the outputs in another order than that of the graph, which is the interpreter's."""
    found, ends = schema.SignatureDefT(), []
    for side in sides:
        ends.append([])
        for name, index in side.items():
            end = schema.TensorMapT()
            end.name, end.tensorIndex = name, index
            ends[-1].append(end)
    found.signatureKey, (found.inputs, found.outputs) = "serving_default", ends
    return found


def golden_of(tflite, count=3):
    rng = np.random.default_rng(5)
    found = []
    for specs in (tflite.inputs, tflite.outputs):
        arrays = {spec.name: rng.normal(0, 20, (count, *spec.shape[1:])).astype(spec.dtype) for spec in specs}
        found.append(arrays)
    return Golden(*found)


def texts_of(tflite, golden, name="net"):
    """The C++ of a package without the line that says what it is made of."""
    origin = "// Made of a model.\n"
    found = sources(tflite, name, 4321, golden, "Made of a model.", None)
    texts = {file: text for file, text in found.items() if file.endswith((".h", ".cc"))}
    assert found.keys() - texts.keys() == {"CMakeLists.txt", "library.json", "library.properties"}
    assert all(text.startswith(origin) for text in texts.values())
    return {file: text.removeprefix(origin) for file, text in texts.items()}


@pytest.fixture(params=[False, True], ids=["stateless", "with a buffer that Reset leaves filled"])
def package(request):
    tflite = net(request.param)
    golden = golden_of(tflite)
    return tflite, golden, texts_of(tflite, golden), request.param


def constant(text, name):
    return int(re.search(rf"constexpr (?:unsigned )?int {name} = (\d+);", text)[1])


def array(text, name):
    """The numbers of a C++ array of rows, by its own sizes."""
    count, width, body = re.search(rf"{name}\[(\w+)\]\[(\d+)\] = \{{\n(.*?)\}};", text, re.DOTALL).groups()
    found = [re.findall(r"[^{},\s]+", row) for row in body.splitlines()]
    assert {len(row) for row in found} == {int(width)}
    return count, np.array([[float(value.removesuffix("f").removesuffix("LL")) for value in row] for row in found])


def test_the_array_is_the_file(package):
    tflite, _, texts, _ = package
    text = texts["net_model.cc"]
    body = re.search(r"kModel\[\] = \{\n(.*?)\};", text, re.DOTALL)[1]
    assert bytes(int(byte, 16) for byte in re.findall("0x([0-9a-f]{2}),", body)) == tflite.content
    assert {line.count("0x") for line in body.splitlines()[:-1]} == {16}
    assert constant(texts["net_model.h"], "kModelSize") == tflite.size
    assert constant(texts["net_model.h"], "kArenaSize") == 4321
    assert constant(texts["net_model.h"], "kResourceVariables") == 0
    assert "alignas(16)" in text


def test_each_op_is_registered_once_and_no_other(package):
    tflite, _, texts, _ = package
    calls = re.findall(r"resolver\.(\w+)\(.*\) != kTfLiteOk\)", texts["net_ops.h"])
    assert calls == [adder(name) for name in sorted({op.name for op in tflite.ops})]
    assert int(re.search(r"MicroMutableOpResolver<(\d+)>", texts["net_ops.h"])[1]) == len(calls) == 4


def test_scales_and_zero_points_are_exactly_those_of_the_file(package):
    """In the order of the interpreter; tensors of floats have a size alone."""
    tflite, _, texts, _ = package
    text = texts["net_quantize.h"]
    sides = {"Input": tflite.inputs, "Output": outputs_in_order(tflite)}
    for side, specs in sides.items():
        for place, spec in enumerate(specs):
            found = re.search(rf"Tensor k{side}{NAMES[spec.name]} = \{{{place}, 6, \{{(.*)f, (-?\d+)\}}\}};", text)
            assert np.float32(found[1]) == np.float32(1 if spec.scale is None else spec.scale)
            assert int(found[2]) == (spec.zero_point or 0)
            assert f"constexpr int k{side}{place}Size = k{side}{NAMES[spec.name]}.size;" in text
            alias = f"constexpr Arithmetic k{side}{place} = k{side}{NAMES[spec.name]}.arithmetic;"
            assert (alias in text) == (spec.scale is not None)
    assert "shift?*/ evil: (1, 2, 3) float32" in text or r"shift?n*/ evil: (1, 2, 3) float32" in text


def test_outputs_are_in_the_order_of_the_interpreter():
    tflite = net()
    assert [spec.name for spec in tflite.outputs] == ["last", "clipped"]
    assert [spec.name for spec in outputs_in_order(tflite)] == ["clipped", "last"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_quantize_in_cpp_is_that_of_the_runner(tmp_path):
    tflite = net()
    texts = texts_of(tflite, golden_of(tflite))
    spec = tflite.inputs[0]
    numbers = np.concatenate([(np.arange(-140, 140) + 0.5) * SCALE, [9e9, -9e9, 0.26]]).astype("float32")
    listed = ",".join(f"{number.hex()}f" for number in map(float, numbers))
    (tmp_path / "net_quantize.h").write_text(texts["net_quantize.h"])
    (tmp_path / "main.cc").write_text(f"""
        #include <cstdio>
        #include "net_quantize.h"
        int main() {{
          const float numbers[] = {{{listed}}};
          for (float number : numbers) std::printf("%d ", net::Quantize<int8_t>(number, net::kInput0));
          for (int i = -128; i < 128; ++i) std::printf("%a ", net::Dequantize<int8_t>(i, net::kInput0));
        }}""")
    subprocess.run(["g++", "-std=c++17", "-Wall", "-Werror", "main.cc", "-o", "main"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout.split()
    assert np.array_equal(np.array(printed[: len(numbers)], int), to_file(numbers, spec))
    back = [float.fromhex(word) for word in printed[len(numbers) :]]
    assert np.array_equal(np.float32(back), from_file(np.arange(-128, 128).astype("int8"), spec))


def test_golden_vectors_read_back_are_the_same_numbers(package):
    tflite, golden, texts, _ = package
    text, head = texts["net_golden.cc"], texts["net_golden.h"]
    assert constant(head, "kGoldenCount") == 3
    sides = (("Input", golden.inputs, tflite.inputs), ("Output", golden.outputs, outputs_in_order(tflite)))
    for side, arrays, specs in sides:
        for place, spec in enumerate(specs):
            kind = {"int8": "int8_t", "float32": "float"}[spec.dtype]
            assert f"extern const {kind} kGolden{side}{place}[kGoldenCount][6];" in head
            assert f"\nconst {kind} kGolden{side}{place}[kGoldenCount][6]" in text
            count, values = array(text, f"kGolden{side}{place}")
            assert count == "kGoldenCount"
            assert np.array_equal(values.astype(spec.dtype), arrays[spec.name].reshape(3, 6))


def test_each_golden_sample_begins_in_the_initial_state(package):
    """Reset, then all inputs, then Invoke, then all outputs, within the loop over the samples."""
    _, _, texts, _ = package
    loop = texts["net_golden.cc"].partition("for (int i = 0; i < kGoldenCount; ++i) {")[2]
    steps = re.findall(r"interpreter\.Reset\(\) != kTfLiteOk\) return -1|memcpy\(inter|Invoke\(\)|Differ\(", loop)
    kinds = [step[:6] for step in steps]
    assert kinds[0] == "interp"
    assert [kind for kind, _ in itertools.groupby(kinds)] == ["interp", "memcpy", "Invoke", "Differ"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_what_differs_from_golden_outputs_is_counted_in_cpp(tmp_path):
    """Integers must be equal, floats within the tolerance on either side; NaN differs from every number."""
    tflite = net()
    text = texts_of(tflite, golden_of(tflite))["net_golden.cc"]
    differ = re.search(r"template <typename Value>\nstatic int Differ.*?\n}\n", text, re.DOTALL).group()
    (tmp_path / "main.cc").write_text(f"""
        #include <cmath>
        #include <cstdint>
        #include <cstdio>
        #include <cstring>
        #include <type_traits>
        {differ}
        template <typename V> int Count(V found, V expected) {{
          const V pair[] = {{expected, expected}}, got[] = {{expected, found}};
          return Differ(reinterpret_cast<const char*>(got), pair, 2, 0.25f);
        }}
        int main() {{
          std::printf("%d %d %d ", Count<int8_t>(7, 7), Count<int8_t>(6, 7), Count<int8_t>(8, 7));
          const float numbers[] = {{1.0f, 1.25f, 0.75f, 1.3f, 0.7f, NAN}};
          for (float found : numbers) std::printf("%d ", Count<float>(found, 1.0f));
        }}""")
    subprocess.run(["g++", "-std=c++17", "-Wall", "-Werror", "main.cc", "-o", "main"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout.split()
    assert [*map(int, printed)] == [0, 1, 1, 0, 0, 0, 1, 1, 1]


def test_every_input_is_filled_and_every_output_counted(package):
    tflite, golden, texts, circular = package
    text = texts["net_golden.cc"]
    call = "->" if circular else "."
    for place in range(len(tflite.inputs)):
        copied = f"kGoldenInput{place}[i], sizeof(kGoldenInput{place}[i])"
        assert f"std::memcpy(interpreter{call}input({place})->data.raw, {copied});" in text
    counted = re.findall(
        rf"Differ\(interpreter{call}output\((\d)\)->data.raw, kGoldenOutput(\d)\[i\], (\d+), (.*)\);", text
    )
    specs = outputs_in_order(tflite)
    assert [(int(a), int(b), int(c)) for a, b, c, _ in counted] == [(place, place, 6) for place in range(len(specs))]
    for spec, (*_, tolerance) in zip(specs, counted, strict=True):
        values = golden.outputs[spec.name]
        allowed = TOLERANCE * np.abs(values).max() if spec.dtype == "float32" else 0
        assert float(tolerance.removesuffix("f")) == pytest.approx(allowed, rel=1e-6)
    assert f"by {TOLERANCE:g} of the largest" in texts["net_golden.h"]


def test_a_buffer_that_reset_leaves_filled_takes_an_interpreter_that_starts_anew(package):
    _, _, texts, circular = package
    kind = "Interpreter" if circular else "tflite::MicroInterpreter"
    for part in ("net_golden.h", "net_golden.cc"):
        assert f"int CountGoldenMismatches({kind}& interpreter)" in texts[part]
    include = '"net_interpreter.h"' if circular else '"tensorflow/lite/micro/micro_interpreter.h"'
    assert f"#include {include}" in texts["net_golden.h"]
    assert f"Reset() {{ return {'Start()' if circular else 'interpreter_->Reset()'}; }}" in texts["net_interpreter.h"]
    assert (" It has no state: Reset changes nothing.\nclass" in texts["net_interpreter.h"]) is not circular
    assert (" It keeps state from one Invoke to the\n// next: call Reset" in texts["net_interpreter.h"]) is circular
    assert ("  // Returns to the initial state.\n" in texts["net_interpreter.h"]) is not circular
    assert ("Built anew" in texts["net_interpreter.h"]) is circular
    assert "MicroResourceVariables* variables = nullptr;" in texts["net_interpreter.h"]


def with_variables(*names):
    """A file that reads some resource variables and adds them up; handles of one name are one variable."""
    model = empty_model()
    graph = Graph(model)
    total = x = graph.tensor((1, 2), name="x")
    for name in names:
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = "", name
        handle, value, after = graph.tensor((), "resource"), graph.tensor((1, 2)), graph.tensor((1, 2))
        graph.op("VAR_HANDLE", [], [handle], options)
        graph.op("READ_VARIABLE", [handle], [value])
        graph.op("ADD", [total, value], [after], schema.AddOptionsT())
        total = after
    graph.ends([x], [total])
    return TFLiteModel(pack(model))


def transposed():
    """A transposed convolution in int8, which reads the shape of its result before its kernel and its input."""
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 2, 2, 1), "int8"), graph.tensor((1, 2, 2, 1), "int8")
    shape, kernel = graph.constant(np.array([1, 2, 2, 1]), "int32"), graph.constant(b"\1" * 4, "int8", (1, 2, 2, 1))
    graph.op("TRANSPOSE_CONV", [shape, kernel, x], [y], schema.TransposeConvOptionsT())
    graph.ends([x], [y])
    return TFLiteModel(pack(model)).ops[0]


def test_resource_variables_are_counted_once_and_made():
    tflite = with_variables("a", "b", "a")
    texts = texts_of(tflite, golden_of(tflite), "sum")
    assert constant(texts["sum_model.h"], "kResourceVariables") == 2
    made = "variables = tflite::MicroResourceVariables::Create(allocator, kResourceVariables);"
    assert made in texts["sum_interpreter.h"]
    assert "call Reset before each sample" in texts["sum_interpreter.h"]


def test_each_header_is_guarded_and_in_the_namespace(package):
    for file, text in package[2].items():
        assert text.count("{") == text.count("}")
        assert re.search(r"\nnamespace net \{\n.*\}  // namespace net\n", text, re.DOTALL)
        if file.endswith(".h"):
            guard = file.replace(".", "_").upper() + "_"
            assert text.startswith(f"#ifndef {guard}\n#define {guard}\n")
            assert text.endswith(f"#endif  // {guard}\n")
        else:
            assert text.startswith(f'#include "{file.replace(".cc", ".h")}"\n')
    assert [*package[2]] == [
        "net_model.h", "net_model.cc", "net_ops.h", "net_interpreter.h", "net_quantize.h", "net_golden.h",
        "net_golden.cc",
    ]  # fmt: skip
    assert header("a", "B", "", "x\n").startswith("#ifndef A_B_H_\n#define A_B_H_\n\nnamespace a {\nx\n")
    assert "\n\n#include <cmath>\n\nnamespace" in header("a", "B", "#include <cmath>\n", "x\n")


INCLUDES = {
    "net_model.h": [],
    "net_model.cc": ['"net_model.h"'],
    "net_ops.h": ['"tensorflow/lite/micro/micro_mutable_op_resolver.h"'],
    "net_interpreter.h": [
        "<cstdint>", "<new>", '"net_model.h"', '"net_ops.h"', '"tensorflow/lite/micro/micro_allocator.h"',
        '"tensorflow/lite/micro/micro_interpreter.h"', '"tensorflow/lite/micro/micro_profiler_interface.h"',
        '"tensorflow/lite/micro/micro_resource_variable.h"',
        '"tensorflow/lite/schema/schema_generated.h"',
    ],
    "net_quantize.h": ["<cmath>", "<cstdint>", "<limits>"],
    "net_golden.h": ["<cstdint>", '"tensorflow/lite/micro/micro_interpreter.h"'],
    "net_golden.cc": ['"net_golden.h"', "<cstddef>", "<cstring>", "<type_traits>"],
}  # fmt: skip


def test_every_line_is_a_comment_a_directive_or_ends_as_a_line_of_cpp():
    tflite = net()
    texts = texts_of(tflite, golden_of(tflite))
    assert {file: re.findall("^#include (.*)$", text, re.MULTILINE) for file, text in texts.items()} == INCLUDES
    for file, text in texts.items():
        for line in text.splitlines():
            assert re.fullmatch(r"| *//.*|#(include|define|ifndef|endif).*|(?! *X).*([;{},:)]|>)( +// .*)?", line), file
        assert not re.search(r"^#\w+ [a-z_]+$", text, re.MULTILINE), "guards are of capitals"


# Numbers


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int16", "int32", "bool"])
def test_every_number_reads_back_exactly(rng, dtype):
    kind = np.dtype(dtype).kind
    extremes = [np.finfo(dtype).max, np.finfo(dtype).tiny, -0.1, 1e-3] if kind == "f" else [0, 1]
    extremes += [np.iinfo(dtype).min, np.iinfo(dtype).max] if kind in "iu" else []
    for value in np.array([*extremes, *rng.normal(0, 50, 40).clip(0, 100)]).astype(dtype):
        text = number(value)
        assert text.endswith("f") == (kind == "f")
        assert ("." in text) == (kind == "f"), "3f is no C++"
        assert np.array(float(text.removesuffix("f"))).astype(dtype) == value


def test_integers_of_64_bits_are_long_and_their_least_has_a_name():
    """-9223372036854775808 is minus of a number that does not fit."""
    least = np.iinfo(np.int64).min
    assert [number(np.int64(value)) for value in (least, least + 1, 5)] == ["INT64_MIN", f"{least + 1}LL", "5LL"]
    assert number(np.int32(np.iinfo(np.int32).min)) == "-2147483648"


def test_rows_are_one_a_sample():
    assert rows(np.array([[[1, 2]], [[3, 4]]], np.int8)) == "    {1,2},\n    {3,4},\n"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_golden_outputs_are_finite(value):
    with pytest.raises(RunError, match=r"^Golden outputs must be finite.*(nan|inf).*Pass real samples"):
        number(np.float32(value))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int8", "int8_t"), ("uint8", "uint8_t"), ("int16", "int16_t"), ("int32", "int32_t"), ("int64", "int64_t"),
     ("float32", "float"), ("bool", "bool")],
)  # fmt: skip
def test_types_of_c(dtype, expected):
    assert c_type(TensorSpec("x", (1, 2), dtype)) == expected
    with pytest.raises(RunError, match=r"types that C knows.*x: \(1, 2\) complex64"):
        c_type(TensorSpec("x", (1, 2), "complex64"))


def test_a_sample_is_all_axes_but_the_batch():
    assert size(TensorSpec("x", (5, 2, 3), "int8")) == 6
    assert size(TensorSpec("x", (None, 2, None, 4), "int8")) == 8
    assert size(TensorSpec("x", (1,), "int8")) == 1


def test_a_name_neither_ends_its_comment_nor_goes_on_in_the_next_line():
    assert comment("a\nb\\") == "a?b?"
    assert comment("größe 3") == "größe 3"


# Names


@pytest.mark.parametrize("op", [name for name, row in OPS.items() if row.tflm])
def test_adders_are_camel_case_of_the_op(op):
    """But for custom ops, and for a few that TFLM spells in its own way: letters stay the same."""
    assert adder(op).startswith("Add")
    if op.isupper() and op not in ("TFLM_DECODE",):
        assert adder(op)[3:].upper() == op.replace("_", "")
    with pytest.raises(RunError, match=f"^TFLM must have .* each op.*'{op}X'.*Replace the.*AddCustom, by hand.$"):
        adder(f"{op}X")


def dense(data="int8", kernel="int8", out=None):
    """FULLY_CONNECTED of types, in a file."""
    model = empty_model()
    graph = Graph(model)
    x, y = graph.tensor((1, 4), data), graph.tensor((1, 4), out or data)
    weights = graph.constant(np.zeros((4, 4), np.int8))
    model.subgraphs[0].tensors[weights].type = getattr(schema.TensorType, kernel.upper())
    graph.op("FULLY_CONNECTED", [x, weights, -1], [y], schema.FullyConnectedOptionsT())
    graph.ends([x], [y])
    return TFLiteModel(pack(model)).ops[0]


def two(kind, first, second, out):
    model = empty_model()
    graph = Graph(model)
    x, other, y = graph.tensor((1, 4), first), graph.tensor((1, 4), second), graph.tensor((1, 4), out)
    graph.op(kind, [x, other], [y])
    graph.ends([x, other], [y])
    return TFLiteModel(pack(model)).ops[0]


def test_a_kernel_is_for_one_type_where_tflm_names_it():
    def kernel(*ops):
        return registration(ops[0].name, ops).removeprefix("tflite::Register_")

    assert registration("FULLY_CONNECTED", [dense()]) == "tflite::Register_FULLY_CONNECTED_INT8()"
    assert registration("TRANSPOSE_CONV", [transposed()]) == "tflite::Register_TRANSPOSE_CONV_INT8()"
    assert kernel(dense(), dense()) == "FULLY_CONNECTED_INT8()"
    assert kernel(dense("int16")) == "FULLY_CONNECTED_INT16()"
    assert kernel(dense(kernel="int4")) == "FULLY_CONNECTED_INT4()"
    assert kernel(dense(), dense("int16")) == "", "of both types that for all is needed"
    assert kernel(dense(), dense("float32", "float32")) == ""
    assert kernel(dense("int16", "int4")) == ""
    assert kernel(dense("int8", "int4", "int16")) == ""
    assert kernel(dense("float32")) == "", "a hybrid"
    assert kernel(two("ADD", "int8", "int8", "int8")) == "ADD_INT8()"
    assert kernel(two("ADD", "int8", "int16", "int8")) == ""
    assert kernel(two("MUL", "int16", "int16", "int16")) == "", "TFLM names none"
    assert kernel(two("SOFTMAX", "int8", "int8", "int16")) == "SOFTMAX_INT8_INT16()"


@pytest.mark.parametrize("name", ["net", "net_1", "CNN", "kModel", "expert", "e", "f", "xl", "int8", "sinq", "I2"])
def test_names_that_are_free(name):
    require_namespace(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("class", "a keyword of C"), ("std", "a name that C"), ("sin", "a name that C"), ("sinf", "a name that C"),
     ("sinl", "a name that C"), ("absl", "a name that C"), ("int8_t", "a name"), ("TfLiteTensor", "a name"),
     ("kTfLiteOk", "a name"), ("INT8_MAX", "a name"), ("NULL", "a name"), ("I", "a name"), ("M_PI", "a name")],
)  # fmt: skip
def test_names_that_are_taken_are_told_with_a_free_one(name, words):
    with pytest.raises(SettingError, match=f"must not be taken.*'{name}', {words}") as told:
        require_namespace(name)
    free = re.search(r"such as '(.*)'", str(told.value))[1]
    assert free.removeprefix("net_") == f"{name.strip('_')}_model"
    require_namespace(free)


@pytest.mark.parametrize("name", ["", "7a", "a b", "a__b", "_a", "a;", "ä", None, 3])
def test_what_is_no_name_of_c_is_told(name):
    with pytest.raises(SettingError, match=r"C\+\+ name: letters") as told:
        require_namespace(name)
    assert repr(name) in str(told.value)
