"""The files of a C++ package as a whole: those in `cpp_files/` are what is written for small models, letter by letter.

`python -m tests.properties.test_cpp_files` writes them anew; read the difference before you commit it.
"""

from pathlib import Path

import pytest

from tests.properties.test_cpp_text import golden_of, net, texts_of, with_variables
from tfcompress.deployment import c_golden, c_ops, c_quantize, c_source, c_text

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
