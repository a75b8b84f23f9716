"""A model card letter by letter: its metadata, which a hub reads, and what stands below."""

from dataclasses import replace
from textwrap import dedent
from types import SimpleNamespace

import pytest

import tfcompress
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.write_metadata import add_entry
from tfcompress.reporting.model_card import metadata, model_card
from tfcompress.reporting.origin import ReportOrigin
from tfcompress.reporting.reported_file import ReportedFile

ORIGIN = ReportOrigin("2026-01-02", "Linux <x86>, 2 cores", {"python": "3.11", "keras": "3.12"})


def converted(name, *scores):
    manifest = {"model": {"name": "net", "keras": "keras"}, "settings": {"quantization": "int8"}}
    tflite = tfcompress.TFLiteModel(add_entry(net().content, KEY, encode(manifest)))
    return ReportedFile(name, replace(comparison(*scores), tflite=tflite))


def test_a_card_has_metadata_the_table_and_where_it_comes_from():
    small = replace(ERROR, name="box/mean_absolute_error", file=0.00001)
    scores = (ACCURACY, replace(ERROR, name="Mean Thing", file=12.5), small, replace(ERROR, name="mean IoU", file=3.0))
    found = model_card("\n# Head\n\n| a |\n\n", [converted("größe <b>", *scores), converted("none")], ORIGIN)
    rows = "".join(
        f"""
          - task:
              type: "tabular-classification"
            dataset:
              type: "custom"
              name: "1200 samples"
            metrics:
            - type: "{kind}"
              name: "{name} on litert"
              value: {value}"""
        for kind, name, value in (
            ("accuracy", "accuracy", "0.875"),
            ("mean_thing", "Mean Thing", "12.5"),
            ("mae", "box/mean_absolute_error", "1.0e-05"),
            ("mean_iou", "mean IoU", "3"),
        )
    )
    head = f"""
        ---
        library_name: "litert"
        tags:
        - "tflite"
        - "keras"
        - "int8"
        - "tfcompress"
        pipeline_tag: "tabular-classification"
        metrics:
        - "accuracy"
        - "mean_thing"
        - "mae"
        - "mean_iou"
        model-index:
        - name: "größe \\u003cb>"
          results:{rows}
        ---
        """
    body = """
        Differences are paired: model and file answer the same samples. The interval is at 95 %.

        ## Where it comes from

        - model: net (keras)
        - date: 2026-01-02
        - machine: Linux &lt;x86>, 2 cores
        - versions: python 3.11, keras 3.12
        """
    told = [dedent(head).strip(), "\n\n\n# Head\n\n| a |\n\n", dedent(body).strip(), "\n"]
    assert found.replace("&gt;", ">") == "".join(told)


def of_shapes(inputs, outputs=1, **others):
    """A comparison of a file with inputs of some shapes."""
    tflite = SimpleNamespace(
        inputs=[SimpleNamespace(shape=shape) for shape in inputs], outputs=[None] * outputs,
        manifest={"settings": {"quantization": "int8"}},
    )  # fmt: skip
    return ReportedFile("a", replace(comparison(**others), tflite=tflite))


MASKS = {"masks": {"y": (None,)}}
IMAGE, TABLE = (None, 8, 8, 3), (None, 4)


@pytest.mark.parametrize(
    ("file", "task"),
    [
        (of_shapes([IMAGE]), "image-classification"),
        (of_shapes([(None, 8, 8, 1)]), "image-classification"),
        (of_shapes([(None, 8, 8, 4)]), "image-classification"),
        (of_shapes([(None, 8, 3, 2)]), None),
        (of_shapes([(None, 8, 3, 5)]), None),
        (of_shapes([(None, 1, 3)]), None),
        (of_shapes([(None, 8, 8, 8, 3)]), None),
        (of_shapes([IMAGE], agreement=None), None),
        (of_shapes([IMAGE], **MASKS), "image-segmentation"),
        (of_shapes([IMAGE], agreement=None, **MASKS), "image-segmentation"),
        (of_shapes([(None, 8, 8)], **MASKS), None),
        (of_shapes([TABLE]), "tabular-classification"),
        (of_shapes([TABLE], agreement=None), "tabular-regression"),
        (of_shapes([TABLE, TABLE]), None),
        (of_shapes([TABLE], 2), None),
        (of_shapes([IMAGE, IMAGE]), None),
    ],
    ids=range(16),
)  # fmt: skip
def test_the_task_is_told_as_far_as_shapes_tell(file, task):
    found = metadata([file])
    tags = ["tflite", "keras", "int8", "tfcompress"]
    assert found == {"library_name": "litert", "tags": tags} | ({"pipeline_tag": task} if task else {})


def test_a_task_that_not_all_files_have_is_not_told():
    image, table, other = of_shapes([IMAGE]), of_shapes([TABLE]), of_shapes([TABLE, TABLE])
    assert metadata([image, image, other])["pipeline_tag"] == "image-classification"
    assert "pipeline_tag" not in metadata([image, table])
    assert "pipeline_tag" not in metadata([other])


def test_kinds_of_several_words_are_no_tags():
    files = [of_shapes([TABLE]) for _ in range(3)]
    for file, kind in zip(files, ("int8", "dynamic: x", "float16"), strict=True):
        file.comparison.tflite.manifest["settings"]["quantization"] = kind
    assert metadata(files)["tags"] == ["tflite", "keras", "int8", "float16", "tfcompress"]
