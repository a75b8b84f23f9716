"""The top of a page: its verdict in one sentence, and a row a file of verdict, metrics and bytes."""

from dataclasses import replace

import pytest

import tfcompress
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tests.properties.test_page_outlines import expected, outline
from tfcompress.comparison.metric_score import Score
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.write_metadata import add_entry
from tfcompress.reporting.origin import ReportOrigin
from tfcompress.reporting.page.verdict_section import badge, named, verdict_header, verdict_table
from tfcompress.reporting.reported_file import ReportedFile

UNCLEAR = replace(ERROR, name="few", verdict="too few samples to tell", more_samples=1200, interval=(-0.5, 0.3))
OPEN = Score("box/miou", 0.5, 0.25, None, higher_is_better=None)


def file(name, *scores, layers=2, **others):
    """A file of so many layers: more of them, more bytes."""
    made = net([f"l{number}" for number in range(layers)], [0.5] * layers)
    return ReportedFile(name, replace(comparison(*scores, **others), tflite=made))


def made_of(name, sha256):
    manifest = {"model": {"name": name, "keras": "keras", "sha256": sha256}, "settings": {"quantization": "int8"}}
    tflite = tfcompress.TFLiteModel(add_entry(net().content, KEY, encode(manifest)))
    return ReportedFile(name, replace(comparison(ACCURACY), tflite=tflite))


@pytest.mark.parametrize(
    ("verdict", "told"),
    [("failed", "[class=badge failed] FAILED"),
     ("too few samples to tell", "[class=badge unclear] too few samples to tell"),
     ("passed", "[class=badge passed] passed"), ("no limit", "[class=badge open] no limit")],
)  # fmt: skip
def test_a_verdict_is_a_badge(verdict, told):
    assert outline(badge(verdict)) == [f"span {told}"]


def test_a_file_has_a_number_where_there_are_several():
    assert outline(named(3, file("a"), 1)) == ["span [class=named]", " strong a"]
    assert outline(named(3, file("a"), 2)) == ["span [class=named]", " span [class=number] 3", " strong a"]


def test_the_page_is_headed_by_its_verdict_and_by_what_was_compared():
    files = [made_of("net", "01" * 20), made_of("net", "23" * 20), file("b", ERROR)]
    files += [replace(file("c"), comparison=replace(comparison(), samples=70, runtime="tflm"))]
    made = verdict_header("Digits", files, ReportOrigin("2026-01-02", "here", {}))
    assert outline(made) == expected(
        """
        header
         h1 Digits
         p [class=verdict]
          span [class=badge failed] FAILED
          “b” loses more than its limit; the other 3 do not.
         p [class=small] model net (keras) · 1,200 samples on litert · 70 samples on tflm · 2026-01-02
        """
    )
    assert made.find("p")[0].tail.startswith(" ")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([None], "No limit was set: nothing was asked of the accuracy."),
        ([ACCURACY], "The file keeps its limits."),
        ([ACCURACY, ACCURACY], "All 2 files keep their limits."),
        ([ACCURACY, None], "All 2 files keep their limits."),
        ([ERROR], "The file loses more than its limit."),
        ([UNCLEAR], "The file needs more samples."),
        ([ERROR, UNCLEAR, ERROR], "2 of 3 files lose more than their limits: “f0”, “f2”."),
        ([UNCLEAR, UNCLEAR], "2 of 2 files need more samples: “f0”, “f1”."),
        ([ACCURACY, ERROR], "“f1” loses more than its limit; the other does not."),
        ([UNCLEAR, ACCURACY, None, ACCURACY], "“f0” needs more samples; the other 3 do not."),
    ],
)
def test_one_sentence_tells_what_the_verdict_is_of(files, sentence):
    made = [file(f"f{number}", *filter(None, [score])) for number, score in enumerate(files)]
    header = verdict_header("Digits", made, ReportOrigin("2026-01-02", "here", {}))
    assert (
        "".join(header.find("p").itertext()).partition(" ")[2].removeprefix("few samples to tell ").endswith(sentence)
    )
    assert outline(header)[4].strip() == sentence


def test_each_file_has_a_row_of_verdict_metrics_and_bytes():
    whole = replace(ACCURACY, limit=None, verdict="no limit")
    files = [made_of("int8", "01" * 20), file("float32"),
             file("b", ERROR, UNCLEAR, OPEN, whole, agreement=None, output_range=0.0)]  # fmt: skip
    noted, bare = (one.comparison.tflite for one in files[:2])
    assert outline(verdict_table(files)) == expected(
        f"""
        section
         table [class=verdicts]
          thead
           tr
            th [scope=col] file
            th [scope=col] verdict
            th [scope=col] Keras → file
            th [scope=col] bytes in flash
            th [scope=col] same class
          tbody
           tr
            td [data-label=file]
             span [class=named]
              span [class=number] 1
              strong int8
            td [data-label=verdict]
             span [class=badge passed] passed
            td [data-label=Keras → file]
             div
              span [class=metric] accuracy
              strong 90.00 % → 87.50 %
              span [class=small] -2.50 points (-4.00 to -1.00),
               span [class=passed] at most 5 points worse
            td [data-label=bytes in flash]
             strong {noted.size:,}
             span [class=small] {noted.deflated_size:,} deflated
            td [data-label=same class] 98.00 %
             span [class=small] mean error 0.0625
           tr
            td [data-label=file]
             span [class=named]
              span [class=number] 2
              strong float32
            td [data-label=verdict]
             span [class=badge open] no limit
            td [data-label=Keras → file]
             div
              span [class=metric] mean error
              strong 0.0625
              span [class=small] 1.562% of the output range
            td [data-label=bytes in flash]
             strong {bare.size:,}
             span [class=small] {bare.deflated_size:,} deflated
            td [data-label=same class] 98.00 %
             span [class=small] mean error 0.0625
           tr
            td [data-label=file]
             span [class=named]
              span [class=number] 3
              strong b
             span [class=small] float32
            td [data-label=verdict]
             span [class=badge failed] FAILED
             span [class=small] about 1,200 more would, if the difference stays
            td [data-label=Keras → file]
             div
              span [class=metric] box/mae
              strong 1.5 → 1.75
              span [class=small] +0.25 (+0.2 to +0.3),
               span [class=failed] at most 0.1 worse
             div
              span [class=metric] few
              strong 1.5 → 1.75
              span [class=small] +0.25 (-0.5 to +0.3),
               span [class=unclear] at most 0.1 worse
             div
              span [class=metric] box/miou
              strong 0.5 → 0.25
              span [class=small] -0.25
             div
              span [class=metric] accuracy
              strong 90.00 % → 87.50 %
              span [class=small] -2.50 points (-4.00 to -1.00)
            td [data-label=bytes in flash]
             strong {bare.size:,}
             span [class=small] {bare.deflated_size:,} deflated
            td [data-label=same class] –
             span [class=small] mean error 0.0625
        """
    )
    alone = outline(verdict_table([file("c", output_range=0.0)]))
    row = alone[alone.index("  tbody") + 2 :]
    assert row == [
        "    td [data-label=file]", "     span [class=named]", "      strong c", "     span [class=small] float32",
        "    td [data-label=verdict]", "     span [class=badge open] no limit", "    td [data-label=Keras → file]",
        "     div", "      span [class=metric] mean error", "      strong 0.0625", "    td [data-label=bytes in flash]",
        f"     strong {bare.size:,}", f"     span [class=small] {bare.deflated_size:,} deflated",
        "    td [data-label=same class] 98.00 %", "     span [class=small] mean error 0.0625",
    ]  # fmt: skip


def test_texts_in_one_line_have_room_between_them():
    text = "".join(verdict_table([file("b", ERROR)]).itertext())
    assert "box/mae 1.5 → 1.75+0.25 (+0.2 to +0.3), at most 0.1 worse" in text
    text = "".join(verdict_table([file("b")]).itertext())
    assert "mean error 0.06251.562% of the output range" in text
