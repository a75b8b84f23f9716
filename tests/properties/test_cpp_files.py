"""The files of a C++ package as a whole: those in `cpp_files/` are what is written for small models, letter by letter.

`python -m tests.properties.test_cpp_files` writes them anew; read the difference before you commit it.
"""

from pathlib import Path

import pytest

from tests.properties.test_cpp_text import golden_of, net, texts_of, with_variables
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment import c_golden, c_ops, c_quantize, c_source, c_text
from tfcompress.deployment.c_build_files import build_files
from tfcompress.deployment.c_layers import LayerValues, layers_header, layers_source

FOLDER = Path(__file__).parent / "cpp_files"
MODULES = (c_golden, c_ops, c_quantize, c_source, c_text)
"""That write them."""


def written():
    """All files of a model without state; those that tell of a state for one with a buffer and one with variables."""
    found = {}
    models = {"net": net(), "circular": net(circular=True), "variables": with_variables("a", "b", "a")}
    parts = {"circular": ("interpreter", "golden"), "variables": ("model", "ops", "interpreter")}
    for name, tflite in models.items():
        for file, text in texts_of(tflite, golden_of(tflite), name).items():
            part = file.removeprefix(f"{name}_").partition(".")[0]
            if part in parts.get(name, (part,)) and not file.endswith("_model.cc"):
                found[file] = text.replace(f"kModelSize = {tflite.size};", "kModelSize = SIZE;")
    return found


def test_every_file_is_there():
    assert sorted(written()) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.iterdir()))
def test_a_file_is_written_letter_by_letter(file):
    assert written()[file].splitlines() == (FOLDER / file).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "constant"), [("camera_image:0", "kInputCameraImage"), (":0x", "kInput0x"), ("é", "kInputTensor")]
)
def test_a_constant_has_the_name_of_its_tensor_without_the_number_of_an_output(name, constant):
    assert c_quantize._constant("Input", TensorSpec(name, (1, 2), "int8")) == constant


def test_values_of_layers_are_two_more_files_and_one_more_to_compile():
    tflite, layers, origin = net(), LayerValues(("ADD", "RELU"), []), "Made of a model."
    plain, found = (c_source.sources(tflite, "net", 4321, golden_of(tflite), origin, each) for each in (None, layers))
    assert {file: text for file, text in found.items() if file not in plain} == {
        "net_layers.h": f"// {origin}\n{layers_header('net', layers)}",
        "net_layers.cc": f"// {origin}\n{layers_source(tflite, 'net', layers)}",
    }
    compiled = ["net_model.cc", "net_golden.cc"]
    for texts, more in ((plain, []), (found, ["net_layers.cc"])):
        built = build_files("net", [*compiled, *more], origin)
        assert {file: texts[file] for file in built} == built
    changed = {file for file in plain if plain[file] != found[file]}
    assert changed == {"CMakeLists.txt", "library.json"}


def test_the_array_has_lines_of_16_bytes():
    tflite = net()
    rows = [tflite.content[start : start + 16] for start in range(0, tflite.size, 16)]
    assert texts_of(tflite, golden_of(tflite))["net_model.cc"].splitlines() == [
        '#include "net_model.h"', "", "namespace net {", "", "alignas(16) const unsigned char kModel[] = {",
        *(" " + "".join(f"0x{byte:02x}," for byte in row) for row in rows), "};", "", "}  // namespace net",
    ]  # fmt: skip


if __name__ == "__main__":
    for file, text in written().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
