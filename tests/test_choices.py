"""A misspelt word is answered with the word that was meant, and with none where none is alike."""

import pytest

from tfcompress.choices import did_you_mean, nearest, require_choice
from tfcompress.errors import SettingError

SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("INT8", "int8"),
        ("int-8", "int8"),
        ("fp16", "float16"),
        ("FP32", "float32"),
        ("flaot16", "float16"),
        ("dynamc", "dynamic"),
        ("int16", "int16x8"),
        ("int4", None),
        ("int3", None),
        ("nothing", None),
    ],
)
def test_the_nearest_word(written, meant):
    assert nearest(written, SCHEMES) == meant


def test_numbers_in_names_count_unless_all_else_is_the_same():
    layers = ["block_1/conv", "block_2/conv", "head"]
    assert nearest("block_2/cnov", layers) == "block_2/conv"
    assert nearest("block2/conv", layers) == "block_2/conv"
    assert nearest("ethos-u5", ["cpu", "ethos-u55"]) == "ethos-u55"


def test_an_error_lists_the_words_and_asks():
    assert require_choice("int8", SCHEMES, "quantization") == "int8"
    with pytest.raises(SettingError) as caught:
        require_choice("fp16", SCHEMES, "quantization")
    assert str(caught.value) == (
        "quantization must be one of 'float32', 'float16', 'dynamic', 'int8', 'int16x8'. Received: 'fp16'. "
        "Did you mean 'float16'?"
    )
    for value in (None, 8, b"int8"):
        assert did_you_mean(value, SCHEMES) == ""
        with pytest.raises(SettingError):
            require_choice(value, SCHEMES, "quantization")
