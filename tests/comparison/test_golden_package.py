"""What is written runs by itself, and what it says of kernels is what they compute."""

import json
import subprocess
import sys

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator, images, nested, small_cnn
from tfcompress.comparison.run_golden import differences
from tfcompress.runtime.quantize_arrays import to_file


def run(folder):
    """Run the program as another machine does: nothing of tfcompress can be imported."""
    command = [sys.executable, "-I", folder / "run_golden.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "result.json"


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    """A file, its samples and labels, and the folder with the result of this machine."""
    import keras

    folder, rng = tmp_path_factory.mktemp("golden"), np.random.default_rng(3)
    model, x = small_cnn(keras), images(rng, 70)
    tflite = tfcompress.convert(model, samples=x)
    y = model.predict(x, verbose=0).argmax(1)
    tfcompress.golden(tflite, folder, x, y)
    run(folder)
    return tflite, x, y, folder


def test_reference_kernels_agree_and_the_op_that_differs_first_is_named(proof):
    tflite, x, y, folder = proof
    found = tfcompress.compare_golden(folder / "golden.npz", folder / "result.json")
    assert found.passed
    assert found["reference"].differing == 0
    assert found["reference"].first_op == ""
    reference, optimised = (tfcompress.Runner(tflite, runtime=one).predict(x) for one in ("reference", "litert"))
    assert found["optimised"].differing == np.count_nonzero(reference != optimised)
    assert found["optimised"].accuracy["digit"] == np.mean(optimised.argmax(1) == y)
    assert found.golden_accuracy["digit"] == np.mean(reference.argmax(1) == y)
    assert found["optimised"].first_op == "CONV_2D of layer conv"
    assert "CONV_2D of layer conv" in str(found)
    assert json.loads(found.to_json())["rows"][0]["kernels"] == "reference"


def test_one_other_value_is_a_failure_that_names_the_op(proof, tmp_path):
    *_, folder = proof
    told = json.loads((folder / "result.json").read_text())
    told["kernels"]["reference"]["outputs"][0][5][2] += 3
    told["kernels"]["reference"]["ops"][1]["differing"] = 7
    changed = tmp_path / "result.json"
    changed.write_text(json.dumps(told))
    found = tfcompress.compare_golden(folder / "golden.npz", changed)
    assert not found.passed
    assert (found["reference"].differing, found["reference"].largest) == (1, 3)
    assert found["reference"].first_op == "DEPTHWISE_CONV_2D of layer depthwise"
    assert found["reference"].first_op_differing == 7


def test_kernels_that_die_are_told(proof, tmp_path):
    *_, folder = proof
    with np.load(folder / "golden.npz") as stored:
        arrays = dict(stored)
    arrays["model"] = arrays["model"][:100]
    np.savez(tmp_path / "golden.npz", **arrays)
    (tmp_path / "run_golden.py").write_bytes((folder / "run_golden.py").read_bytes())
    run(tmp_path)
    found = tfcompress.compare_golden(tmp_path / "golden.npz", tmp_path / "result.json")
    assert not found.passed
    assert "the process ended with" in found["reference"].error
    assert "did not run" in str(found)


def test_several_outputs_inputs_by_name_and_floats(tmp_path, rng):
    import keras

    x = images(rng, 9)
    tflite = tfcompress.convert(nested(keras), "float32")
    labels = {"left": rng.integers(0, 3, 9)}
    tfcompress.golden(tflite, tmp_path, x, labels)
    found = tfcompress.compare_golden(tmp_path / "golden.npz", run(tmp_path))
    assert found.passed
    assert set(found.golden_accuracy) == {"left"}
    with pytest.raises(tfcompress.DataError, match="by output name"):
        tfcompress.golden(tflite, tmp_path, x, labels["left"])
    with pytest.raises(tfcompress.DataError, match="as many labels"):
        tfcompress.golden(tflite, tmp_path, x, {"left": [1]})


def test_state_begins_anew_with_each_sample(tmp_path, rng):
    import keras

    model = keras.Sequential([keras.Input((6, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])
    x = rng.normal(size=(20, 6, 3)).astype("float32")
    recurrent = tfcompress.convert(model, samples=x)
    for tflite, samples in ((recurrent, x), (accumulator(5.0), np.arange(16, dtype=np.float32).reshape(8, 2))):
        tfcompress.golden(tflite, tmp_path, samples)
        assert tfcompress.compare_golden(tmp_path / "golden.npz", run(tmp_path)).passed


def test_numbers_that_are_no_classes_are_told_and_the_rest_goes_on(proof, tmp_path):
    tflite, x, *_ = proof
    with pytest.warns(tfcompress.TfcompressWarning, match="no accuracy of 'digit'"):
        tfcompress.golden(tflite, tmp_path, x, np.linspace(0, 1, len(x)))


def told_samples(told):
    return len(told["kernels"]["reference"]["outputs"][0])


def test_files_that_do_not_belong_together_or_are_damaged_are_told(proof, tmp_path):
    tflite, x, _, folder = proof
    tfcompress.golden(tflite, tmp_path, x[:3])
    with pytest.raises(tfcompress.DataError, match="of this golden"):
        tfcompress.compare_golden(tmp_path / "golden.npz", folder / "result.json")
    told = json.loads((folder / "result.json").read_text())
    wrong = tmp_path / "wrong.json"
    for change in (
        {"kernels": {}},
        {"kernels": {"reference": {"outputs": [], "ops": []}}},
        {"kernels": {"reference": {"outputs": [[[1, 2]]], "ops": told["kernels"]["reference"]["ops"]}}},
        {"kernels": {"reference": {**told["kernels"]["reference"], "outputs": [[[300] * 10] * told_samples(told)]}}},
        {"kernels": [1]},
        {"machine": None, "kernels": None},
    ):
        wrong.write_text(json.dumps({**told, **change}))
        with pytest.raises(tfcompress.FileError, match=r"result\.json from run_golden"):
            tfcompress.compare_golden(folder / "golden.npz", wrong)
    for text in ("", "[]", "{}", "nonsense"):
        wrong.write_text(text)
        with pytest.raises(tfcompress.FileError, match=r"result\.json from run_golden"):
            tfcompress.compare_golden(folder / "golden.npz", wrong)
    for path in (tmp_path / "none.npz", wrong):
        with pytest.raises(tfcompress.FileError, match=r"golden\.npz from tfcompress golden"):
            tfcompress.compare_golden(path, folder / "result.json")


@pytest.mark.parametrize(
    ("found", "expected", "differing"),
    [
        (np.int8([1, 2, 3]), np.int8([1, 2, 4]), 1),
        (np.int8([-128]), np.int8([127]), 1),
        (np.float32([1, 2, np.nan]), np.float32([1, 2, 3]), 1),
        (np.float32([1.00001, 2]), np.float32([1, 2]), 0),
        (np.float32([1.001, 2]), np.float32([1, 2]), 1),
        (np.int8([[1]]), np.int8([1]), 1),
    ],
)
def test_differences(found, expected, differing):
    counted = differences(found, expected)
    assert (counted["differing"], counted["values"]) == (differing, expected.size)


def test_samples_are_stored_in_the_types_of_the_file(proof):
    tflite, x, _, folder = proof
    with np.load(folder / "golden.npz") as stored:
        np.testing.assert_array_equal(stored["input_0"], to_file(x, tflite.inputs[0]))
        assert stored["model"].tobytes() == tflite.content
