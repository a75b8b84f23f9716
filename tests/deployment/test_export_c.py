"""The sources compile, hold the file byte by byte, and compute as the library does."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator, images, nested, small_cnn, three_inputs
from tfcompress.deployment.c_layers import layer_values
from tfcompress.deployment.c_ops import adder, registration
from tfcompress.deployment.cpp_names import require_namespace
from tfcompress.litert.op_facts import OpFacts, Tensor
from tfcompress.litert.ops.op_catalogue import OPS
from tfcompress.litert.write_metadata import rewrite
from tfcompress.runtime.quantize_arrays import from_file, to_file

STUB = Path(__file__).parent / "tflm_stub"
COMPILERS = ["g++", "arm-none-eabi-g++"]


def compiled(folder, compiler="g++", main=None):
    """Compile every source; with a main file, link and run it and return what it prints."""
    flags = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{STUB}", f"-I{folder}"]
    for source in sorted(folder.glob("*.cc")):
        subprocess.run([*flags, "-c", source, "-o", source.with_suffix(".o")], check=True)
    if main is None:
        return None
    (folder / "main.cpp").write_text(main)
    objects = sorted(folder.glob("*.o"))
    subprocess.run([*flags, folder / "main.cpp", *objects, "-o", folder / "main"], check=True)
    return subprocess.run([folder / "main"], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def int8():
    import keras

    return tfcompress.convert(small_cnn(keras), samples=images(np.random.default_rng(7)))


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("build", [small_cnn, nested, three_inputs])
@pytest.mark.parametrize("quantization", ["int8", "float32"])
def test_the_sources_compile(build, quantization, compiler, tmp_path, rng):
    import keras

    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    model = build(keras)
    x = images(rng)
    if build is three_inputs:
        x = {tensor.name: rng.random((60, tensor.shape[1]), dtype=np.float32) for tensor in model.inputs}
    tflite = tfcompress.convert(model, quantization, samples=x)
    tfcompress.export_c(tflite, tmp_path, name="net", samples=x, layers=True)
    (tmp_path / "use.cc").write_text(
        '#include "net_golden.h"\n#include "net_interpreter.h"\n#include "net_layers.h"\n'
        '#include "net_model.h"\n#include "net_ops.h"\n#include "net_quantize.h"\n'
        "TfLiteStatus use(net::Resolver& r) { return net::AddOps(r); }\n"
    )
    compiled(tmp_path, compiler)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_the_array_is_the_file_and_is_aligned(int8, tmp_path):
    tfcompress.export_c(int8, tmp_path, manifest=True)
    printed = compiled(
        tmp_path,
        main=r"""
        #include <cstdio>
        #include "model_model.h"
        #include "model_ops.h"
        int main() {
          model::Resolver resolver;
          const int status = model::AddOps(resolver);
          std::printf("%d %u %u %d\n", status, resolver.count, model::kModelSize,
                      static_cast<int>(reinterpret_cast<size_t>(model::kModel) % 16));
          for (unsigned int i = 0; i < model::kModelSize; ++i) std::printf("%02x", model::kModel[i]);
        }""",
    )
    head, content = printed.split("\n", 1)
    assert head == f"0 {len({op.name for op in int8.ops})} {int8.size} 0"
    assert bytes.fromhex(content) == int8.content


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_quantize_rounds_and_clips_as_the_runner_does(int8, tmp_path, rng):
    tfcompress.export_c(int8, tmp_path)
    (spec,), (out,) = int8.inputs, int8.outputs
    halves = (np.arange(-140, 140) + 0.5) * np.float32(spec.scale)
    numbers = np.concatenate([halves, rng.normal(0, 1, 500), [9, -9, 0]]).astype("float32")
    listed = ",".join(f"{number.hex()}f" for number in map(float, numbers))
    printed = compiled(
        tmp_path,
        main=f"""
        #include <cstdio>
        #include "model_quantize.h"
        int main() {{
          const float numbers[] = {{{listed}}};
          for (float number : numbers) std::printf("%d ", model::Quantize<int8_t>(number, model::kInput0));
          std::printf("\\n");
          for (int i = -128; i < 128; ++i) std::printf("%a ", model::Dequantize<int8_t>(i, model::kOutput0));
        }}""",
    )
    found, back = printed.split("\n")
    np.testing.assert_array_equal(np.array(found.split(), int), to_file(numbers, spec))
    floats = np.array([float.fromhex(word) for word in back.split()], "float32")
    np.testing.assert_array_equal(floats, from_file(np.arange(-128, 128).astype("int8"), out))


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_golden_vectors_count_what_a_device_gets_wrong(int8, tmp_path, rng):
    x = images(rng, 20)
    tfcompress.export_c(int8, tmp_path, samples=x)
    printed = compiled(
        tmp_path,
        main=r"""
        #include <cstdio>
        #include <cstring>
        #include "model_golden.h"
        struct Device : tflite::MicroInterpreter {
          char in[64], out[10];
          int calls = 0, wrong = 0;
          TfLiteTensor tensors[2];
          TfLiteTensor* input(size_t) override { tensors[0].data.raw = in; return &tensors[0]; }
          TfLiteTensor* output(size_t) override { tensors[1].data.raw = out; return &tensors[1]; }
          TfLiteStatus Invoke() override {
            if (std::memcmp(in, model::kGoldenInput0[calls], 64)) return kTfLiteError;
            std::memcpy(out, model::kGoldenOutput0[calls++], 10);
            out[0] += wrong;
            return kTfLiteOk;
          }
        };
        int main() {
          Device right, wrong;
          wrong.wrong = 1;
          std::printf("%d %d %d\n", model::kGoldenCount, model::CountGoldenMismatches(right),
                      model::CountGoldenMismatches(wrong));
          for (auto& row : model::kGoldenOutput0) for (int8_t value : row) std::printf("%d ", value);
        }""",
    )
    head, values = printed.split("\n")
    assert head == "8 0 8"
    (out,) = int8.outputs
    expected = tfcompress.Runner(int8, runtime="tflm").predict(x[:8])
    np.testing.assert_array_equal(from_file(np.array(values.split(), "int8").reshape(8, 10), out), expected)


def test_the_arena_is_the_one_that_check_tells(int8, tmp_path):
    tfcompress.export_c(int8, tmp_path)
    text = (tmp_path / "model_model.h").read_text()
    assert f"kArenaSize = {tfcompress.check(int8, 'tflm').facts['arena needed, bytes']};" in text


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("CONV_2D", "AddConv2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("L2_POOL_2D", "AddL2Pool2D"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
        ("SignalWindow", "AddWindow"),
        ("SignalPCAN", "AddPCAN"),
        ("SignalFilterBankSpectralSubtraction", "AddFilterBankSpectralSubtraction"),
        ("TFLite_Detection_PostProcess", "AddDetectionPostprocess"),
        ("TFLM_DECODE", "AddDecode"),
        ("CIRCULAR_BUFFER", "AddCircularBuffer"),
        ("ethos-u", "AddEthosU"),
    ],
)
def test_the_names_of_ops(op, expected):
    assert adder(op) == expected
    assert f" {expected}(" in (STUB / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()


def test_an_op_that_tflm_cannot_register_is_told_by_name():
    for op in ("FlexErf", "BIDIRECTIONAL_SEQUENCE_LSTM", "MyOwnOp"):
        with pytest.raises(tfcompress.RunError, match=op):
            adder(op)


TAKEN = ["class", "main", "std", "int8_t", "tflite", "and", "exp", "sinf", "index", "NULL", "INT8_MAX", "TfLiteTensor"]


def test_names_that_cpp_has_already_are_refused(int8, tmp_path):
    for name in TAKEN:
        with pytest.raises(tfcompress.SettingError, match="namespace"):
            tfcompress.export_c(int8, tmp_path, name=name)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_names_that_are_taken_do_compile(tmp_path):
    names = ["digits", "net_1", "CNN", "wake_word", "kModel", "Arithmetic", "Interpreter", "expert", "intent", "k"]
    for name in names:
        require_namespace(name)
    headers = "".join(f"#include <{header}>\n" for header in ("cmath", "cstdint", "cstring", "limits", "new"))
    (tmp_path / "names.cc").write_text(headers + "".join(f"namespace {name} {{ int x; }}\n" for name in names))
    compiled(tmp_path)


GOLDEN_DEVICE = r"""
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include "model_golden.h"
struct Device : tflite::MicroInterpreter {
  float in[64], out[10], wrong = 0;
  int calls = 0, resets = 0;
  TfLiteTensor tensors[2];
  TfLiteTensor* input(size_t) override { tensors[0].data.f = in; return &tensors[0]; }
  TfLiteTensor* output(size_t) override { tensors[1].data.f = out; return &tensors[1]; }
  TfLiteStatus Reset() override { ++resets; return kTfLiteOk; }
  TfLiteStatus Invoke() override {
    std::memcpy(out, model::kGoldenOutput0[calls++], sizeof(out));
    out[0] += wrong;
    return resets == calls ? kTfLiteOk : kTfLiteError;
  }
};
int main() {
  for (float wrong : {0.0f, 1e-6f, -1e-6f, 0.01f, -0.01f, std::numeric_limits<float>::quiet_NaN()}) {
    Device device;
    device.wrong = wrong;
    std::printf("%d ", model::CountGoldenMismatches(device));
  }
}"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_golden_floats_have_a_tolerance_and_each_sample_starts_anew(tmp_path, rng):
    import keras

    x = images(rng, 20)
    tfcompress.export_c(tfcompress.convert(small_cnn(keras), "float32"), tmp_path, samples=x)
    assert compiled(tmp_path, main=GOLDEN_DEVICE).split() == ["0", "0", "0", "8", "8", "8"]


def golden_rows(folder, side):
    text = (folder / "model_golden.cc").read_text()
    (body,) = re.findall(rf"kGolden{side}0\[.*?= \{{\n(.*?)\}};\n", text, re.DOTALL)
    return [np.array(row.strip(" {},").removesuffix("f").split(",")) for row in body.replace("f,", ",").splitlines()]


@pytest.mark.micro
def test_golden_vectors_of_a_recurrent_file_agree_in_order(tmp_path, rng):
    import keras
    from tflite_micro import runtime

    model = keras.Sequential([keras.Input((6, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])
    x = rng.normal(size=(60, 6, 3)).astype("float32")
    tflite = tfcompress.convert(model, samples=x)
    tfcompress.export_c(tflite, tmp_path, samples=x)
    interpreter = runtime.Interpreter.from_bytes(tflite.content)
    for given, expected in zip(golden_rows(tmp_path, "Input"), golden_rows(tmp_path, "Output"), strict=True):
        interpreter.reset()  # as the generated code does
        interpreter.set_input(given.astype("int8").reshape(1, 6, 3), 0)
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_output(0).ravel(), expected.astype("int8"))
    assert "if (interpreter.Reset() != kTfLiteOk)" in (tmp_path / "model_golden.cc").read_text()


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_the_interpreter_of_a_file_with_variables_is_built_with_them_and_begins_anew(tmp_path):
    x = np.arange(16, dtype=np.float32).reshape(8, 2)
    tfcompress.export_c(accumulator(5.0), tmp_path, samples=x)
    expected = [row.astype("float32") for row in golden_rows(tmp_path, "Output")]
    np.testing.assert_array_equal(expected, x + 5)  # also where a reset leaves zeros, not the initial value
    printed = compiled(
        tmp_path,
        main=r"""
        #include <cstdio>
        #include "model_golden.h"
        #include "model_interpreter.h"
        alignas(16) static uint8_t arena[model::kArenaSize];
        int main() {
          using Made = tflite::MicroInterpreter;
          model::Interpreter interpreter(arena);
          const int started = interpreter.Start();
          tflite::MicroInterpreter& inside = interpreter;
          std::printf("%d %d %d ", started, inside.variables->count, Made::allocated);
          interpreter.Reset();
          std::printf("%d %d %d ", Made::made, Made::allocated, Made::alive);
          std::printf("%d", model::kResourceVariables);
        }""",
    )
    assert printed.split() == ["0", "1", "1", "2", "2", "1", "1"]


def test_what_tflm_refuses_and_odd_names_are_told(int8, tmp_path, rng):
    import keras

    dynamic = tfcompress.convert(small_cnn(keras), "dynamic")
    with pytest.raises(tfcompress.RunError, match="FULLY_CONNECTED"):
        tfcompress.export_c(dynamic, tmp_path)
    for name in ("", "7net", "a b", "a__b", "x;"):
        with pytest.raises(tfcompress.SettingError, match="C\\+\\+ name"):
            tfcompress.export_c(int8, tmp_path, name=name)
    (tmp_path / "file").write_text("")
    with pytest.raises(tfcompress.FileError):
        tfcompress.export_c(int8, tmp_path / "file" / "below")


def kernel(x="int8", w="int8", y=None):
    """An op that reads and writes these types, with a kernel of another."""

    def tensor(dtype, index):
        return Tensor(index, "t", (1, 4, 4, 1), dtype, (1.0,), (0,), 0, 0)

    given = (tensor(x, 0), tensor(w, 1))
    return OpFacts(0, 0, "CONV_2D", 1, given, (tensor(y or x, 2),), operands=given)


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([kernel()], "tflite::Register_CONV_2D_INT8()"),
        ([kernel("int16")], "tflite::Register_CONV_2D_INT16()"),
        ([kernel(w="int4")], "tflite::Register_CONV_2D_INT4()"),
        ([kernel(), kernel()], "tflite::Register_CONV_2D_INT8()"),
        ([kernel(), kernel(w="int4")], ""),
        ([kernel(), kernel("int16")], ""),
        ([kernel("int16", "int4")], ""),
        ([kernel("float32", "float32")], ""),
        ([kernel("float32")], ""),
        ([kernel(y="int16")], ""),
    ],
)
def test_a_kernel_of_one_type_is_registered_where_all_ops_have_that_type(ops, expected):
    assert registration("CONV_2D", ops) == expected


def test_typed_kernels_are_those_that_the_header_declares():
    text = (STUB / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()
    declared = set(re.findall(r"Register_(\w+)\(\) \{", text))
    named = {f"{spec.name}_{kind}" for spec in OPS.values() for kind in spec.typed}
    assert named == {name for name in declared if re.search(r"_INT\d+$", name)}


def test_all_types_of_a_file_are_told_and_others_use_the_kernel_for_all(tmp_path, rng):
    import keras

    x = images(rng)
    mixed = tfcompress.convert(small_cnn(keras), samples=x, keep_float=["digit"])
    for tflite, call in (
        (tfcompress.convert(small_cnn(keras), "int16x8", samples=x), "AddConv2D(tflite::Register_CONV_2D_INT16())"),
        (mixed, "AddFullyConnected()"),
        (mixed, "AddConv2D(tflite::Register_CONV_2D_INT8())"),
    ):
        tfcompress.export_c(tflite, tmp_path)
        assert call in (tmp_path / "model_ops.h").read_text()


def test_the_manifest_is_left_out_of_flash_unless_asked_for(int8, tmp_path):
    for manifest in (False, True):
        tfcompress.export_c(int8, tmp_path, manifest=manifest)
        text = (tmp_path / "model_model.cc").read_text()
        content = bytes.fromhex("".join(re.findall(r"0x([0-9a-f]{2}),", text)))
        flashed = tfcompress.TFLiteModel(content)
        assert bool(flashed.manifest) == manifest
        assert (len(content) == int8.size) == manifest
        x = images(np.random.default_rng(1), 3)
        np.testing.assert_array_equal(tfcompress.Runner(flashed).predict(x), tfcompress.Runner(int8).predict(x))


def test_every_file_tells_what_it_was_made_of(int8, tmp_path):
    digest = hashlib.sha256(int8.content).hexdigest()
    for path in tfcompress.export_c(int8, tmp_path, layers=True):
        text = path.read_text()
        assert f"Generated by tfcompress {tfcompress.__version__}" in text
        assert digest in text
        assert "Do not edit" in text
    assert json.loads((tmp_path / "library.json").read_text())["name"] == "model_model"
    properties = dict(line.split("=", 1) for line in (tmp_path / "library.properties").read_text().splitlines()[1:])
    assert {"name", "version", "author", "maintainer", "sentence", "category", "url", "architectures"} <= set(
        properties
    )


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_constants_have_the_names_of_inputs_and_outputs(tmp_path):
    import keras

    names = ["camera image", "camera-image", "3d", "0", "size", "wärme"]
    given = [keras.layers.Input((2,), name=f"input_{place}") for place in range(len(names))]
    model = keras.Model(given, keras.layers.Dense(3, name="class")(keras.layers.Concatenate()(given)))
    renamed = {f"input_{place}": name for place, name in enumerate(names)}
    tflite = tfcompress.TFLiteModel(rewrite(tfcompress.convert(model, "float32").content, renamed, {}))
    tfcompress.export_c(tflite, tmp_path)
    text = (tmp_path / "model_quantize.h").read_text()
    found = re.findall(r"constexpr Tensor (k\w+) = \{(\d), (\d)", text)
    assert len({name for name, *_ in found}) == len(tflite.inputs) + 1
    assert {"kInputCameraImage", "kInputCameraImage_1", "kInput3d", "kInput0_1", "kInputSize", "kInputWRme"} < {
        n for n, *_ in found
    }
    places = {spec.name: place for place, spec in enumerate(tflite.inputs)}
    assert dict((n, int(i)) for n, i, _ in found)["kInputSize"] == places["size"]
    assert ("kOutputClass", "0", "3") in found
    main = '#include "model_quantize.h"\nint main() { return model::kInput0Size - 2; }'
    compiled(tmp_path, main=main)


LAYERS_DEVICE = r"""
#include <cstdio>
#include <string>
#include <vector>
#include "model_layers.cc"
static int wrong_tensor = -1;
static std::string told;
void MicroPrintf(const char* format, ...) {
  char line[256];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof(line), format, values);
  va_end(values);
  told = line;
}
static TfLiteEvalTensor* GetTensor(int index) {
  static std::vector<char> held;
  static TfLiteEvalTensor tensor;
  for (const model::Result& result : model::kResults) {
    if (result.tensor != index) continue;
    const char* values = static_cast<const char*>(result.values);
    held.assign(values, values + result.size * (result.bytes > 0 ? result.bytes : 4));
    if (index == wrong_tensor) { held[0] ^= 1; held[3] ^= 64; }
  }
  tensor.data.raw = held.data();
  return &tensor;
}
int main() {
  alignas(16) static uint8_t arena[model::kArenaSize];
  static char input[4096];
  TfLiteTensor tensor;
  tensor.data.raw = input;
  tflite::MicroInterpreter::first_input = &tensor;
  std::printf("%d\n", model::FirstWrongOp(arena));  // no events
  tflite::MicroInterpreter::tensor = GetTensor;
  tflite::MicroInterpreter::ops = sizeof(model::kOps) / sizeof(model::kOps[0]);
  std::printf("%d\n", model::FirstWrongOp(arena));
  for (const model::Result& result : model::kResults) {
    wrong_tensor = result.tensor;
    std::printf("%d ", model::FirstWrongOp(arena));
    std::printf("%s\n", told.c_str());
  }
}"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
@pytest.mark.parametrize("quantization", ["int8", "float32"])
def test_a_device_names_the_first_op_that_is_wrong(quantization, int8, tmp_path, rng):
    import keras

    tflite = int8 if quantization == "int8" else tfcompress.convert(small_cnn(keras), "float32")
    tfcompress.export_c(tflite, tmp_path, samples=images(rng, 2), layers=True)
    (tmp_path / "model_layers.o").unlink(missing_ok=True)
    source = (tmp_path / "model_layers.cc").read_text()
    (tmp_path / "model_layers.cc").rename(tmp_path / "kept")
    compiled(tmp_path)
    (tmp_path / "model_layers.cc").write_text(source)
    flags = ["g++", "-std=c++17", f"-I{STUB}", f"-I{tmp_path}", "-Wall", "-Wextra", "-Werror"]
    (tmp_path / "main.cpp").write_text(LAYERS_DEVICE)
    objects = sorted(tmp_path.glob("*.o"))
    subprocess.run([*flags, tmp_path / "main.cpp", *objects, "-o", tmp_path / "main"], check=True)
    lines = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[:2] == ["-2", "-1"]
    ops = [op.name for op in tflite.ops]
    for line, (place, op) in zip(lines[2:], enumerate(ops), strict=True):
        assert line.startswith(f"{place} op {place}, {op} of layer ")
        assert re.search(r": [12] of \d+ values differ$", line)
    assert "CONV_2D of layer conv" in lines[2]


@pytest.mark.micro
def test_values_of_layers_are_those_of_an_interpreter_that_keeps_all_tensors(int8, rng):
    from tflite_micro import runtime

    x = images(rng, 3)
    inputs = {"image": to_file(x, int8.inputs[0])}
    keep = runtime.InterpreterConfig.kPreserveAllTensors
    interpreter = runtime.Interpreter.from_bytes(int8.content, intrepreter_config=keep)
    interpreter.set_input(inputs["image"][:1], 0)
    interpreter.invoke()
    found = layer_values(int8, inputs).values
    assert [result.op.name for result, _ in found] == [op.name for op in int8.ops]
    for result, values in found:
        np.testing.assert_array_equal(values, interpreter.GetTensor(result.tensor.index, 0)["tensor_data"].ravel())


@pytest.mark.skipif(None in (shutil.which("cmake"), shutil.which("g++")), reason="no cmake or no g++")
def test_cmake_builds_the_package_and_asks_for_the_target(int8, tmp_path):
    package, build = tmp_path / "firmware", tmp_path / "build"
    tfcompress.export_c(int8, package, layers=True)
    alone = subprocess.run(["cmake", "-S", package, "-B", tmp_path / "alone"], capture_output=True, text=True)
    assert alone.returncode != 0
    assert "TFLM_TARGET must name the target" in alone.stderr
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app LANGUAGES CXX)\nadd_library(stub INTERFACE)\n"
        f"target_include_directories(stub INTERFACE {STUB})\nset(TFLM_TARGET stub)\nadd_subdirectory(firmware)\n"
        "add_executable(app app.cc)\ntarget_link_libraries(app model_model)\n"
    )
    (tmp_path / "app.cc").write_text(
        '#include "model_golden.h"\n#include "model_interpreter.h"\nint main() { return model::kModel[4] != 0x54; }\n'
    )
    for command in (["cmake", "-S", tmp_path, "-B", build], ["cmake", "--build", build]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([build / "app"], check=True)
