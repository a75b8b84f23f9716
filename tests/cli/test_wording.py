"""What the library says is told in the words of the command; no message is left with Python's arguments in it."""

import ast
import re
from pathlib import Path

import pytest

import tfcompress
from tfcompress import errors
from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.wording import in_words_of, options_of


@pytest.mark.parametrize(
    ("command", "said", "told"),
    [
        ("convert", "quantization must be one of 'int8'.", "--quantization must be one of 'int8'."),
        ("convert", "Received: samples=None. Pass samples=x[:500].", "Received: no --samples. Pass --samples FILE."),
        ("convert", "Leave layers in float with keep_float=[…].", "Leave layers in float with --keep-float GLOB."),
        ("export-c", "Convert with io='float32'.", "Convert with --io float32."),
        ("convert", "keep_float=['a', 'b/c'] does.", "--keep-float a --keep-float b/c does."),
        ("convert", "Ask for io='float32', or io=\"uint8\".", "Ask for --io float32, or --io uint8."),
        ("convert", "io for 'int8' must be it, as asked with io.", "--io for 'int8' must be it, as asked with --io."),
        ("convert", "Every pattern in `keep_int16` must match.", "Every pattern in --keep-int16 must match."),
        ("convert", "Every pattern in keep_int16 must match.", "Every pattern in --keep-int16 must match."),
        ("convert", "Pass samples of the size.", "Pass samples of the size."),
        ("convert", "A younger runtime runs it.", "A younger runtime runs it."),
        ("convert", "Pass tfcompress.images(folder, size=(height, width)).", "Pass `--samples FOLDER --size …`."),
        ("convert", "Save it with np.savez(path, x=…, samples=…).", "Save it with np.savez(path, x=…, samples=…)."),
        ("convert", "Call quantize_aware(model, samples=x[:5]).", "Call quantize_aware(model, samples=x[:5])."),
        ("check", "It becomes one with tfcompress.convert(model).", "It becomes one with `tfcompress convert`."),
        ("layer-errors", 'Pass convert(model, "float32").', "Pass `tfcompress convert --quantization float32`."),
        ("quantize", "For a Keras model use tfcompress.convert.", "For a Keras model use `tfcompress convert`."),
        ("compare", "max_accuracy_drop must be a fraction.", "--max-accuracy-drop must be a fraction."),
        ("compare", "Limit it by max_accuracy_drop or by limits.", "Limit it by --max-accuracy-drop or by --limit."),
        ("compare", 'Pass metrics="mean_absolute_error".', "Pass --metric mean_absolute_error."),
        ("compare", "--limit must be NAME=VALUE.", "--limit must be NAME=VALUE."),
        ("export-c", "The folder in `folder`, files in `name`.", "The folder in --output, files in --name."),
        ("export-android", "image= needs an input.", "--mean needs an input."),
    ],
)  # fmt: skip
def test_in_the_words_of_a_command(command, said, told):
    assert in_words_of(options_of(command), said) == told


KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def text(node):
    """The text of a message, with … for what is only known when it is raised."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    return " ".join(filter(None, (text(child) for child in ast.iter_child_nodes(node)))) or "…"


def messages():
    """All that the library raises and warns of: the texts of errors and warnings in its source."""
    for path in sorted(Path(tfcompress.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", None)
            if name in KINDS | {"warn"}:
                given = [*node.args, *(one.value for one in node.keywords if one.arg in ("hint", "received"))]
                yield from ((f"{path.name}:{node.lineno}", text(one)) for one in given)


MESSAGES = [*messages()]


def test_the_messages_are_found():
    assert len(MESSAGES) > 400
    assert any("samples=x_train[:500]" in message for _, message in MESSAGES)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_message_is_left_in_python(command):
    known = options_of(command)
    python = re.compile(rf"(?<![\w-])(?:{'|'.join(known)})=|tfcompress\.({'|'.join(COMMANDS).replace('-', '_')})\b")
    for place, message in MESSAGES:
        told = in_words_of(known, message)
        code = re.sub(r"[\w.]+\((?:[^()]|\([^()]*\))*\)", "", told)  # calls of what is no command stay code
        assert not python.search(code), f"{place}: {told}"
