"""The sources compile, hold the file byte by byte, and compute as the library does."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator, images, nested, small_cnn, three_inputs
from tfcompress.deployment.c_source import adder
from tfcompress.deployment.cpp_names import require_namespace
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
    tfcompress.export_c(tflite, tmp_path, name="net", samples=x)
    (tmp_path / "use.cc").write_text(
        '#include "net_golden.h"\n#include "net_interpreter.h"\n#include "net_model.h"\n#include "net_ops.h"\n'
        '#include "net_quantize.h"\n'
        "TfLiteStatus use(net::Resolver& r) { return net::AddOps(r); }\n"
    )
    compiled(tmp_path, compiler)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_the_array_is_the_file_and_is_aligned(int8, tmp_path):
    tfcompress.export_c(int8, tmp_path)
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
    assert f" {expected}()" in (STUB / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()


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
