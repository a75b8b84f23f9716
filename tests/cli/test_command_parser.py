"""What the parser of commands says: help that fits, and mistakes with the right spelling. Starts no TensorFlow."""

import pytest

from tfcompress.cli.commands import COMMANDS
from tfcompress.cli.main import parse
from tfcompress.cli.parser import folded, make_parser, parsers_of
from tfcompress.errors import SettingError


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("comvert", "Received: 'comvert'. Did you mean 'convert'?"),
        ("layer_errors m", "Did you mean 'layer-errors'?"),
        ("turn", "tfcompress --help lists all."),
        ("", "tfcompress needs COMMAND."),
        ("--jsno check", "tfcompress has no option --jsno."),
        ("convert m.keras --ouput x", "tfcompress convert has no option --ouput. Did you mean --output?"),
        ("convert m.keras --sample=x -o y --keepfloat z", "has no option --keepfloat. Did you mean --keep-float?"),
        ("convert m.keras", "tfcompress convert needs -o/--output. Such as: tfcompress convert model.keras"),
        ("compare a b --data x --max-accuracy-drop much", "--max-accuracy-drop must be a number. Received: 'much'."),
        ("convert a -o b --flash much", "'much' is no number of bytes, such as 65536, 64k or 1.5M"),
        ("latency a --threads 1.5", "--threads must be a whole number. Received: '1.5'."),
        ("convert m.keras --output", "-o/--output takes a value."),
        ("energy a b", "no more arguments than a command takes. Received: b."),
        ("energy a -q -v", "Give one of -v/--verbose and -q/--quiet."),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(line, said, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["tfcompress", *line.split()])
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    assert said in err
    assert err.startswith("tfcompress: ")
    assert err.count("\n") == 1


def test_abbreviations_and_negative_values_are_no_mistakes():
    arguments = parse(["tfcompress", "export-android", "m.tflite", "--out", "assets", "--mean", "-1", "0.5", "1"])
    assert (arguments.output, arguments.mean) == ("assets", [-1, 0.5, 1])


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_and_has_an_example(command, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    parser = make_parser([])
    if command is not None:
        parser = parsers_of([command])[command]
    text = parser.format_help()
    assert max(map(len, text.splitlines())) <= columns
    if command is not None:
        declared = COMMANDS[command]
        assert " ".join(declared.example.split()) in " ".join(text.replace("\\\n", "").split())
        assert declared.purpose[1:20] in " ".join(text.split())


def test_an_option_stays_with_its_value():
    line = "tfcompress convert model.keras --samples calib.npz -o model.tflite"
    assert folded(line, 44).split(" \\\n") == [
        "  tfcompress convert model.keras",
        "    --samples calib.npz -o model.tflite",
    ]
    assert folded(line, 80) == f"  {line}"


def test_options_that_all_commands_have_mean_the_same():
    for command in COMMANDS:
        known = parsers_of([command])[command]._option_string_actions
        assert {"--json", "--quiet", "-q", "--verbose", "-v", "--help"} <= {*known}
        assert "-o" not in known or "--output" in known["-o"].option_strings


def test_a_choice_that_is_no_word_is_an_error_of_the_parser():
    with pytest.raises(SettingError):
        make_parser(["energy"]).parse_args(["energy"])
