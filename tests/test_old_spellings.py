"""Who comes from TF-MOT, TFLiteConverter or ai-edge-quantizer is told the new spelling, and the page's examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfcompress
from tfcompress.old_spellings import KEYWORDS, NAMES

PAGE = (Path(__file__).parent.parent / "docs" / "from_tfmot.md").read_text()
BLOCKS = re.findall(r"```python\n# (both|TF-MOT|tfcompress)(.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_name_is_told_the_new_one(name):
    with pytest.raises(tfcompress.TfcompressError, match=rf"tfcompress\.{name} is spelt otherwise here\. Write"):
        getattr(tfcompress, name)
    with pytest.raises(tfcompress.TfcompressError, match="spelt otherwise"):
        exec(f"from tfcompress import {name}")


def test_other_names_are_unknown_as_ever():
    assert not hasattr(tfcompress, "no_such_name")
    assert not NAMES.keys() & {*tfcompress.__all__}


def test_every_public_name_in_a_new_spelling_exists():
    texts = (*NAMES.values(), *KEYWORDS.values(), PAGE)
    names = {name for text in texts for name in re.findall(r"tfcompress\.(\w+)", text)}
    assert len(names) > 10
    assert names <= {*tfcompress.__all__, *NAMES}


CALLS = {
    "MagnitudePruning": lambda **given: tfcompress.MagnitudePruning(0.5, **given),
    "WeightClustering": lambda **given: tfcompress.WeightClustering(**given),
    "quantize_aware": lambda **given: tfcompress.quantize_aware(None, **given),
    "convert": lambda **given: tfcompress.convert(None, **given),
    "quantize": lambda **given: tfcompress.quantize("float.tflite", **given),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", KEYWORDS)
def test_an_old_keyword_is_told_the_new_one(name, call):
    with pytest.raises(tfcompress.SettingError, match=rf"^{name}= is spelt otherwise here\..*Write"):
        CALLS[call](**{name: None})


@pytest.mark.parametrize("call", CALLS)
def test_other_keywords_are_unexpected_as_ever(call):
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        CALLS[call](no_such=1)


def test_a_pattern_of_two_numbers_is_told_both_spellings():
    with pytest.raises(tfcompress.SettingError, match=r'Write "2:4" for zeros among weights, or \("block", \(2, 4\)\)'):
        tfcompress.MagnitudePruning(0.5, pattern=(2, 4))


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("static_wi8_ai8", 'quantize(file, "int8"'), ("static_wi8_ai16", '"int16x8"'), ("dynamic_wi8_afp32", '"dynamic"'),
     ("weight_only_wi8_afp32", '"weight_only_int8"'), ("weight_only_wi4_afp32", '"weight_only_int4"')],
)  # fmt: skip
def test_a_recipe_is_told_as_a_word(name, spelling):
    recipe = pytest.importorskip("litert_quantizer.recipe")
    rule = {"regex": "head", "operation": "*", "algorithm_key": "no_quantize"}
    with pytest.raises(tfcompress.SettingError) as told:
        tfcompress.quantize("float.tflite", [*getattr(recipe, name)(), rule])
    assert spelling in str(told.value)
    assert "keep_float=[…] with globs for 'head'" in str(told.value)


@pytest.mark.one_keras
def test_the_examples_of_the_page_run(k, tmp_path, monkeypatch):
    """The tasks of TF-MOT's guides, with the changes that the page names."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for title, needs, code in BLOCKS:
        if title == "TF-MOT":
            continue
        if "[quantizer]" in needs:
            pytest.importorskip("litert_quantizer")
        exec(code.replace("import keras ", f"import {k.__name__} as keras "), names)
    assert tfcompress.sparsity(names["pruned"]).total == pytest.approx(0.5, abs=0.02)
    assert tfcompress.sparsity(tfcompress.strip_quantization(names["pqat"])).total >= 0.48
    assert tfcompress.inspect(names["tflite"]).float_ops == ()


@pytest.mark.slow
def test_the_lines_that_are_replaced_are_those_of_tfmot(tmp_path):
    """What stands under "TF-MOT" on the page is what TF-MOT runs, up to what the page leaves open."""
    code = ["import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport tensorflow as tf\nimport gzip"]
    for title, _, block in BLOCKS:
        if title == "both":
            code.append(block.replace("import keras ", "import tf_keras as keras "))
        elif title == "TF-MOT" and not re.search(r"MyQuantizeConfig|load_model|stripped", block):
            code.append(block)
    subprocess.run([sys.executable, "-c", "\n".join(code)], check=True, cwd=tmp_path, env=os.environ)
