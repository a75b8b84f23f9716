"""What a page tells and where: tags, classes, which the style sheet lays out and colours, and texts, as an outline."""

from dataclasses import replace
from textwrap import dedent

import numpy as np

from tests.properties.comparisons import comparison, net
from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.deployment.findings import Finding, Findings
from tfcompress.litert.inspect import inspect
from tfcompress.reporting.page.charts import Axis, Chart
from tfcompress.reporting.page.device_section import devices, targets
from tfcompress.reporting.page.flip_section import flips
from tfcompress.reporting.page.histogram_section import distributions
from tfcompress.reporting.page.layer_section import layer_table
from tfcompress.reporting.reported_file import ReportedFile
from tfcompress.runtime.latency import Latencies, Latency


def outline(element, depth=0):
    """A line an element: tag, attributes, text; indented by what it stands in. Pixels of pictures are left out."""
    given = [f"{name}={value}" for name, value in element.attrib.items() if name != "src"]
    lines = [depth * " " + " ".join([element.tag, *([f"[{'; '.join(given)}]"] if given else []), *_text(element.text)])]
    for child in element:
        lines += outline(child, depth + 1)
        lines += [(depth + 1) * " " + text for text in _text(child.tail)]
    return lines


def expected(text):
    return dedent(text).strip().splitlines()


def _text(text):
    return [text.strip()] if text and text.strip() else []


SLOW = Finding("ADD", "a", "slow", "Wait.", False)
FOUND = (
    Findings(
        "tflm",
        7,
        (Finding("CONV_2D v9", "<conv>", "no kernel", "Use another."), SLOW),
        {"kind": "x", "arena needed, bytes": 1234},
    ),
    Findings("cpu", 7, (SLOW,)),
    Findings("gpu", 7, ()),
)
TIMES = Latencies((Latency("litert", 1, 30, 0.5, 0.4, 0.7),))


def test_the_device_section_marks_each_target():
    made = devices([ReportedFile("net", comparison(), None, FOUND, TIMES)])
    *found, note = outline(made)
    assert note.startswith(
        " p [class=small] Latency is that of this machine, not of the device. Energy is added up from"
    )
    assert found == expected(
        f"""
        section
         h2 On the device
         table [class=facts]
          thead
           tr
            th [scope=col] file
            th [scope=col] runs on
            th [scope=col] arena, TFLM
            th [scope=col] latency here
            th [scope=col] MACs
            th [scope=col] energy, estimate
            th [scope=col] oldest runtime
          tbody
           tr
            td [data-label=file]
             span [class=named]
              strong net
            td [data-label=runs on]
             span [class=target failed] ✗ tflm
             span [class=target unclear] ✓ cpu, 1 slow
             span [class=target passed] ✓ gpu
            td [data-label=arena, TFLM] 1,234 bytes
            td [data-label=latency here]
             div 0.500 ms
              span [class=small] litert, 1 thread
            td [data-label=MACs] 32
            td [data-label=energy, estimate] 0.00255 µJ
            td [data-label=oldest runtime] {inspect(net()).oldest_runtime}
        """
    )


def test_a_target_that_a_file_does_not_run_on_says_what_stops_and_what_slows():
    made = targets(ReportedFile("net", comparison(), None, FOUND))[0]
    assert outline(made) == expected(
        """
        details
         summary
          span [class=failed] does NOT run on
          tflm: 2 findings
         dl
          dt kind
          dd x
          dt arena needed, bytes
          dd 1,234
         table [class=findings]
          thead
           tr
            th [scope=col] effect
            th [scope=col] layer
            th [scope=col] op
            th [scope=col] reason and way out
          tbody
           tr
            td [data-label=effect] stops
            td [data-label=layer]
             strong <conv>
            td [data-label=op] CONV_2D v9
            td [data-label=reason and way out] no kernel
             span [class=small] → Use another.
           tr
            td [data-label=effect] slows
            td [data-label=layer]
             strong a
            td [data-label=op] ADD
            td [data-label=reason and way out] slow
             span [class=small] → Wait.
        """
    )


def test_a_target_that_it_runs_on_counts_its_findings():
    made = targets(ReportedFile("net", comparison(), None, (Findings("cpu", 7, (SLOW,)),)))[0]
    assert outline(made.find("summary")) == expected(
        """
        summary
         span runs on
         cpu: 1 finding
        """
    )


def test_a_target_without_a_finding_has_no_table():
    made = targets(ReportedFile("net", comparison(), None, FOUND))[2]
    assert outline(made) == expected(
        """
        details
         summary
          span runs on
          gpu: no findings
         dl
        """
    )


def test_flips_are_a_square_with_their_pictures():
    flipped = (Flip(0, 3, 5, 5), Flip(2, 1, 5, None), Flip(3, 3, 5, 3))
    made = flips(replace(comparison(flips=flipped), samples=4), np.zeros((4, 2, 2)), True)
    assert outline(made) == expected(
        """
        details [open=]
         summary 3 samples put into another class (75.00%)
         p 1 newly wrong, 1 newly right, 0 wrong before and after.
         table [class=confusion]
          tr
           th Keras ↓ file →
           th 1
           th 3
           th 5
          tr
           th 1
           td [class=same]
           td
           td [style=--share:0.50; class=hit] 1
          tr
           th 3
           td
           td [class=same]
           td [style=--share:1.00; class=hit] 2
          tr
           th 5
           td
           td
           td [class=same]
         div [class=pictures]
          figure
           img [alt=sample 0; title=sample 0]
           figcaption 0: 3 → 5, is 5
          figure
           img [alt=sample 2; title=sample 2]
           figcaption 2: 1 → 5
          figure
           img [alt=sample 3; title=sample 3]
           figcaption 3: 3 → 5, is 3
        """
    )


def test_layers_have_bars_of_bytes_and_of_noise():
    noise = LayerError("first", "FULLY_CONNECTED", 31.26, 5, 7, 0.875, 0.0125)
    made = layer_table(ReportedFile("net", comparison(), LayerErrors((noise,), 8)), True)
    *found, note = outline(made)
    assert note.startswith(
        " p [class=small] SQNR: signal to quantization noise of the layer alone. 30 dB and more is good"
    )
    rest = net().size - 128
    assert found == expected(
        f"""
        details [open=]
         summary Layers: bytes and noise
         table [class=layers]
          thead
           tr
            th [scope=col] layer
            th [scope=col] bytes
            th [scope=col] zeros
            th [scope=col] noise: SQNR
            th [scope=col] range used
            th [scope=col] cut off
          tbody
           tr
            td [data-label=layer]
             strong first
            td [data-label=bytes]
             span [class=bar]
              span [style=width:{6400 / rest:.1f}%]
             64
            td [data-label=zeros] 25.0%
            td [data-label=noise: SQNR]
             span [class=bar]
              span [style=width:52.1%; class=passed]
             31.3 dB
            td [data-label=range used] 88%
            td [data-label=cut off] 1.25%
           tr
            td [data-label=layer]
             strong second
            td [data-label=bytes]
             span [class=bar]
              span [style=width:{6400 / rest:.1f}%]
             64
            td [data-label=zeros] 50.0%
            td [data-label=noise: SQNR] –
            td [data-label=range used] –
            td [data-label=cut off] –
           tr
            td [data-label=layer]
             em names, graph, manifest
            td [data-label=bytes]
             span [class=bar]
              span [style=width:100.0%; class=quiet]
             {rest}
            td [data-label=zeros] –
            td [data-label=noise: SQNR] –
            td [data-label=range used] –
            td [data-label=cut off] –
        """
    )


def test_histograms_stand_below_their_layer():
    noise = LayerError("first", "FULLY_CONNECTED", 31.26, 5, 7, 0.875, 0.0125, (3, 0, 1))
    file = replace(comparison(), tflite=net(("first",), (0.25,)))
    made = distributions(ReportedFile("net", file, LayerErrors((noise,), 8)))
    assert outline(made) == expected(
        """
        details
         summary Weights and activations
         div [class=grid]
          div [class=distribution]
           strong first
           figure
            svg [viewBox=0 0 168 78; role=img; class=histogram]
             title weights of first
             rect [x=84.0; y=42.7; width=4.7; height=21.3; class=bin]
             rect [x=94.5; y=0.0; width=4.7; height=64.0; class=bin]
             line [x1=0; x2=168; y1=64; y2=64; class=grid]
             text [x=0; y=76; class=tick] -8
             text [x=168; y=76; class=tick end] 8
            figcaption weights
           figure
            svg [viewBox=0 0 168 78; role=img; class=histogram]
             title activations of first
             rect [x=0.0; y=0.0; width=55.4; height=64.0; class=edge]
             rect [x=112.0; y=42.7; width=55.4; height=21.3; class=edge]
             line [x1=0; x2=168; y1=64; y2=64; class=grid]
             text [x=0; y=76; class=tick] least
             text [x=168; y=76; class=tick end] largest
            figcaption activations
         p [class=small] Over all integers that the file has for them; of float weights, over the values that occur.
        """
    )


def test_a_chart_has_grid_names_and_marks():
    chart = Chart(Axis("bytes", 0, 4), Axis("accuracy", 0, 100, unit=30), "what", 120)
    chart.dot(1, 2.25, 3, "dot", "told")
    chart.dot(1, 2, 3, "mute")
    chart.line(1, 2, 3, 4, "limit")
    chart.text("1", 5, 6, "label")
    made = chart.element
    assert outline(made) == expected(
        """
        svg [viewBox=0 0 360 120; role=img]
         title what
         line [x1=52.0; x2=52.0; y1=26; y2=78; class=grid]
         text [x=52.0; y=94; class=tick middle] 0
         line [x1=125.5; x2=125.5; y1=26; y2=78; class=grid]
         text [x=125.5; y=94; class=tick middle] 1
         line [x1=199.0; x2=199.0; y1=26; y2=78; class=grid]
         text [x=199.0; y=94; class=tick middle] 2
         line [x1=272.5; x2=272.5; y1=26; y2=78; class=grid]
         text [x=272.5; y=94; class=tick middle] 3
         line [x1=346.0; x2=346.0; y1=26; y2=78; class=grid]
         text [x=346.0; y=94; class=tick middle] 4
         line [x1=52; x2=346; y1=78.0; y2=78.0; class=grid]
         text [x=46; y=82.0; class=tick end] 0
         line [x1=52; x2=346; y1=62.4; y2=62.4; class=grid]
         text [x=46; y=66.4; class=tick end] 30
         line [x1=52; x2=346; y1=46.8; y2=46.8; class=grid]
         text [x=46; y=50.8; class=tick end] 60
         line [x1=52; x2=346; y1=31.2; y2=31.2; class=grid]
         text [x=46; y=35.2; class=tick end] 90
         text [x=346; y=114; class=axis end] bytes
         text [x=4; y=14; class=axis] accuracy
         circle [cx=1; cy=2.2; r=3; class=dot]
          title told
         circle [cx=1; cy=2; r=3; class=mute]
         line [x1=1; y1=2; x2=3; y2=4; class=limit]
         text [x=5; y=6; class=label] 1
        """
    )
