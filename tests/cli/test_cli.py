"""The command line as its users call it: each command once in a process of its own, the rest in this one."""

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.models import image_files, images, small_cnn

ROOT = Path(__file__).parent.parent.parent


def run(*arguments, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tfcompress", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def call(*arguments, cwd):
    """Run a command in this process, where TensorFlow is there already; its answer is like that of `run`."""
    from tfcompress.cli import main

    out, err, before = io.StringIO(), io.StringIO(), os.getcwd()
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as caught:
            main.run(main.parse(["tfcompress", *map(str, arguments)]))
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(arguments, caught.value.code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import keras

    keras.utils.set_random_seed(0)
    folder, rng = tmp_path_factory.mktemp("cli"), np.random.default_rng(0)
    model, x = small_cnn(keras), images(rng, 100)
    model.save(folder / "model.keras")
    y = model.predict(x, verbose=0).argmax(1)
    np.savez(folder / "calib.npz", x=x)
    np.savez(folder / "test.npz", x=x, y=y)
    np.savez(folder / "wrong.npz", x=x, y=(y + 1) % 10)
    return folder


def test_convert_compare_report(folder):
    done = run(
        "convert", "model.keras", "--quantization", "int8", "--samples", "calib.npz", "-o", "m.tflite", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "bytes in flash" in done.stdout
    assert "input image: (1, 8, 8, 1) int8, scale" in done.stdout
    done = call("compare", "model.keras", "m.tflite", "--data", "test.npz", "--max-accuracy-drop", 0.3, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout
    limited = ["--data", "test.npz", "--limit", "sparse_categorical_crossentropy=0.5", "--limit", "accuracy=0.001"]
    report = ["report", "model.keras", "m.tflite", *limited, "-o", "r.html"]
    done = run(*report, cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 4, done.stderr
    assert "passed (at most 0.5 worse)" in done.stdout
    assert "too few samples to tell (at most 0.1 points worse)" in done.stdout
    assert done.stdout.isascii()
    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    for wrong in ("accuracy", "accuracy=much", "=1"):
        done = call("compare", "model.keras", "m.tflite", "--data", "test.npz", "--limit", wrong, cwd=folder)
        assert done.returncode == 2
        assert "NAME=VALUE" in done.stderr


def test_samples_from_a_folder_of_images(folder):
    image_files(folder / "photos", np.random.default_rng(0), 60)
    (folder / "scaled.py").write_text("def to_one(image):\n    return image / 255\n")
    convert = "convert model.keras -o photos.tflite --samples photos --preprocess"
    done = call(*convert.split(), "scaled:to_one", cwd=folder)
    assert done.returncode == 0, done.stderr
    scale = float(done.stdout.split("input image: (1, 8, 8, 1) int8, scale ")[1].split(",")[0])
    assert 0.5 / 255 < scale < 1.01 / 255
    for wrong in ("scaled:to_two", "missing:to_one", "scaled"):
        done = call(*convert.split(), wrong, cwd=folder)
        assert done.returncode == 2
        assert "MODULE:FUNCTION" in done.stderr
    assert call("convert", "model.keras", "-o", "m.tflite", "--preprocess", "scaled:to_one", cwd=folder).returncode == 2
    del sys.modules["scaled"]


def test_quantize_and_inspect_a_float_file(folder):
    pytest.importorskip("litert_quantizer")
    import tfcompress

    tfcompress.convert(tfcompress.load_keras(folder / "model.keras"), "float32").save(folder / "float.tflite")
    quantize = [
        "quantize",
        "float.tflite",
        "-o",
        "small.tflite",
        "--samples",
        "calib.npz",
        "--keep-float",
        "SOFTMAX",
        "--keep-float",
        "conv",
    ]
    done = call(*quantize, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "input image: (1, 8, 8, 1) " in done.stdout
    done = run("inspect", "small.tflite", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "mixed: 2 of 5 ops in float" in done.stdout
    assert "because keep_float, computes_in float32, op CONV_2D, weights float32" in done.stdout
    assert "samples 100" in done.stdout
    for wrong, words in (
        (["--quantization", "int3"], "'weight_only_int4'"),
        (["--keep-float", "nothing"], "must match an op"),
        (["--samples", "missing.npz"], "No such file"),
    ):
        done = call(*quantize, *wrong, cwd=folder)
        assert done.returncode == 2
        assert words in done.stderr
    assert call("quantize", "float.tflite", "-o", "s.tflite", cwd=folder).returncode == 2


def test_a_file_that_lost_too_much_exits_1(folder):
    import keras

    import tfcompress

    other = small_cnn(keras)
    rng = np.random.default_rng(3)
    other.set_weights([rng.normal(size=w.shape) ** 2 for w in other.get_weights()])
    tfcompress.convert(other, "float32").save(folder / "other.tflite")
    done = run("compare", "model.keras", "other.tflite", "--data", "test.npz", "--max-accuracy-drop", 0.01, cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "FAILED" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("convert missing.keras -o m2.tflite", "does not exist"),
        ("convert model.keras --quantization int3 -o m2.tflite", "'dynamic'"),
        ("convert model.keras --quantization fp16 -o m2.tflite", "Did you mean 'float16'?"),
        ("convert model.keras -o test.npz/m.tflite", "test.npz is a file"),
        (
            "convert model.keras -o m2.tflite",
            "Received: no --samples. Pass 50 to 500 typical inputs, such as --samples F",
        ),
        ("convert model.keras --samples calib.npz --keep-float cnov -o m2.tflite", "Did you mean 'conv'?"),
        ("convert model.keras --samples calib.npz --io float23 -o m2.tflite", "--io for 'int8' must be one of"),
        ("compare model.keras calib.npz --data test.npz", "TFL3"),
    ],
)
def test_errors_are_one_line_and_exit_2(folder, arguments, words):
    done = call(*arguments.split(), cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "m2.tflite").exists()


def test_help_is_quick_and_starts_no_tensorflow():
    started = time.perf_counter()
    done = run("--help")
    assert time.perf_counter() - started < 5  # half a second on an idle machine; this bound is for busy ones
    assert done.returncode == 0
    assert "convert" in done.stdout
    code = (
        "import sys\nfrom tfcompress.cli.main import parse\ntry: parse(['tfcompress', '--help'])\n"
        "except SystemExit: pass\nassert not {'tensorflow', 'numpy', 'rich', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_damaged_data_exits_2_and_not_1(folder):
    whole = (folder / "test.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "text.npz").write_text("1,2,3")
    (folder / "some.tflite").write_bytes((ROOT / "tflite_models" / "digits_keras_int8.tflite").read_bytes())
    for name in ("cut.npz", "text.npz", "missing.npz"):
        done = call("compare", "model.keras", "some.tflite", "--data", name, cwd=folder)
        assert done.returncode == 2, done.stderr
        assert "pickle" not in done.stderr.replace("without pickled objects", "")
    done = call("report", "model.keras", "some.tflite", "--data", "test.npz", "-o", "r.pdf", cwd=folder)
    assert done.returncode == 2
    assert ".html, .json or .md" in done.stderr
    assert "loaded" not in done.stderr, "told before the work"


@pytest.mark.micro
def test_check_preflight_and_export_c(folder):
    import keras

    import tfcompress
    from tests.models import small_cnn

    tfcompress.convert(small_cnn(keras), samples=np.load(folder / "calib.npz")["x"]).save(folder / "int8.tflite")
    tfcompress.convert(small_cnn(keras), "dynamic").save(folder / "dynamic.tflite")
    done = run("check", "int8.tflite", "--target", "tflm", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "runs on tflm" in done.stdout
    assert "arena needed, bytes" in done.stdout
    done = call("check", "dynamic.tflite", "--target", "tflm", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "does NOT run on tflm" in done.stdout
    done = run("export-c", "int8.tflite", "--out", "firmware", "--data", "test.npz", "--name", "net", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "firmware" / "net_golden.cc").exists()
    done = call("preflight", "model.keras", "--target", "cpu", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "depthwise" in done.stdout
