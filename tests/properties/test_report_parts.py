"""What stands below the table of a report, and what two files take side by side."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress
from tests.foreign_files import Graph, empty_model, loop, schema
from tests.properties.comparisons import ACCURACY, comparison, net
from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.kept_outputs import MaskPair, OutputValues
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.deployment.findings import Finding, Findings
from tfcompress.litert.flatbuffer import pack
from tfcompress.litert.manifest import KEY, encode
from tfcompress.litert.write_metadata import add_entry
from tfcompress.reporting import before_after
from tfcompress.reporting.before_after import BeforeAfter, Change
from tfcompress.reporting.page.device_section import devices, targets
from tfcompress.reporting.page.elements import html
from tfcompress.reporting.page.file_section import file_section
from tfcompress.reporting.page.flip_section import flips
from tfcompress.reporting.page.histogram_section import _ends, distributions
from tfcompress.reporting.page.layer_section import layer_table
from tfcompress.reporting.page.mask_section import masks
from tfcompress.reporting.page.small_pictures import COLOURS
from tfcompress.reporting.page.value_scatter import value_scatters
from tfcompress.reporting.reported_file import ReportedFile
from tfcompress.runtime.latency import Latencies, Latency

# Below the table


def words(element):
    return " ".join("".join(element.itertext()).split())


def cells_of(element):
    return [[words(cell) for cell in row if cell.tag in ("td", "th")] for row in element.iter("tr")]


def summary_of(element):
    return words(next(element.iter("summary")))


def test_layers_with_their_bytes_zeros_and_noise():
    errors = LayerErrors((LayerError("second", "FULLY_CONNECTED", 31.26, 5, 7, 0.875, 0.0125),), 8)
    found = layer_table(ReportedFile("net", comparison(), errors), False)
    rest = f"{net().size - 128:,}"
    assert cells_of(found) == [
        ["layer", "bytes", "zeros", "noise: SQNR", "range used", "cut off"],
        ["first", "64", "25.0%", "–", "–", "–"],
        ["second", "64", "50.0%", "31.3 dB", "88%", "1.25%"],
        ["names, graph, manifest", rest, "–", "–", "–", "–"],
    ]
    bars = [(each.get("class"), each.get("style")) for bar in found.iter() for each in bar if bar.get("class") == "bar"]
    assert ("passed", "width:52.1%") in bars, "31.26 of 60 decibels"
    without = layer_table(ReportedFile("net", comparison()), True)
    assert cells_of(without)[0] == ["layer", "bytes", "zeros"]
    assert "open" in without.attrib
    assert "open" not in found.attrib
    twice = replace(comparison(), tflite=net(("same", "same")))
    assert cells_of(layer_table(ReportedFile("net", twice), False))[1:-1] == [["same", "128", "50.0%"]]
    assert [summary_of(each) for each in (found, without)] == ["Layers: bytes and noise", "Layers: bytes"]
    assert ("quiet", "width:100.0%") in bars, "the longest bar is what is most"


def test_where_weights_of_two_types_are_mixed_each_layer_tells_its_own():
    """Four bits and eight; an op without weights has neither a type nor a share of zeros."""
    model = empty_model()
    graph = Graph(model)
    x = first = graph.tensor((1, 4), "int8")
    for name, dtype in (("small", "int4"), ("whole", "int8"), ("none", None)):
        y = graph.tensor((1, 4), "int8", name)
        if dtype:
            held = graph.constant(b"\1" * (8 if dtype == "int4" else 16), dtype, (4, 4))
            graph.op("FULLY_CONNECTED", [x, held, -1], [y], schema.FullyConnectedOptionsT())
        else:
            graph.op("RELU", [x], [y])
        x = y
    graph.ends([first], [x])
    mixed = replace(comparison(), tflite=tfcompress.TFLiteModel(pack(model)))
    heads, small, whole, none, rest = cells_of(layer_table(ReportedFile("net", mixed), False))
    assert heads == ["layer", "weights", "bytes", "zeros"]
    assert [small[:3], whole[:3]] == [["small", "int4", "8"], ["whole", "int8", "16"]]
    assert none == ["none", "–", "0", "–"]
    assert rest[:2] == ["names, graph, manifest", "–"]
    assert len(rest) == 4


def test_layers_have_the_names_that_the_user_gave_them():
    content = net(("one", "two", "three"), (0, 0, 0)).content

    def made(layers):
        tflite = tfcompress.TFLiteModel(add_entry(content, KEY, encode({"layers": layers})))
        file = ReportedFile("net", replace(comparison(), tflite=tflite))
        return [cells[0] for cells in cells_of(layer_table(file, True))]

    assert made({"three": "digit"}) == ["layer", "between layers", "digit", "names, graph, manifest"]
    assert made({"one": "conv", "two": "pool", "three": "conv"})[1:3] == ["pool", "conv"], "where its last op is"
    assert made({})[1:4] == ["one", "two", "three"]
    assert made(["nonsense"])[1:4] == ["one", "two", "three"]
    assert made({"one": ["nonsense"]})[1] == "['nonsense']"


@pytest.mark.parametrize(("sqnr", "kind"), [(30.0, "passed"), (29.9, "unclear"), (10.0, "unclear"), (9.9, "failed")])
def test_noise_has_the_colour_of_what_is_left(sqnr, kind):
    errors = LayerErrors((LayerError("first", "FULLY_CONNECTED", sqnr, 5, 7, 1, 0),), 8)
    found = html(layer_table(ReportedFile("net", comparison(), errors), False))
    assert f'class="{kind}">' in found.split("first")[1].split("</tr>")[0]


def test_flips_by_pair_of_classes_with_their_pictures():
    flipped = (Flip(0, 3, 5, 5), Flip(2, 1, 2, None), Flip(3, 3, 5, 3))
    found = replace(comparison(flips=flipped), samples=4)
    pictures = np.arange(4 * 4).reshape(4, 2, 2)
    made = flips(found, pictures, False)
    assert summary_of(made) == "3 samples put into another class (75.00%)"
    assert "1 newly wrong, 1 newly right, 0 wrong before and after." in words(made)
    assert cells_of(made) == [
        ["Keras ↓ file →", "1", "2", "3", "5"], ["1", "", "1", "", ""], ["2", "", "", "", ""],
        ["3", "", "", "", "2"], ["5", "", "", "", ""],
    ]  # fmt: skip
    captions = [each.text for each in made.iter("figcaption")]
    assert captions == ["0: 3 → 5, is 5", "2: 1 → 2", "3: 3 → 5, is 3"]
    assert len([*made.iter("img")]) == 3
    for wrong in (None, pictures[:3], np.zeros((4, 9))):
        assert not [*flips(found, wrong, False).iter("img")]
    assert flips(comparison(), pictures, False) is None
    assert "newly" not in words(flips(replace(found, flips=flipped[1:2]), None, False)), "no labels"


def test_what_was_right_before_is_lost_and_what_is_right_now_is_won():
    flipped = (Flip(0, 5, 3, 5), Flip(1, 4, 3, 4), Flip(2, 1, 2, 2), Flip(3, 1, 2, 7), Flip(4, 1, 2, None))
    made = flips(replace(comparison(flips=flipped), samples=5), None, False)
    assert "2 newly wrong, 1 newly right, 1 wrong before and after." in words(made)


def test_a_single_sample_is_shown_and_a_square_has_twelve_classes_at_most():
    alone = replace(comparison(flips=(Flip(0, 1, 2, None),)), samples=1)
    made = flips(alone, np.zeros((1, 2, 2)), False)
    assert summary_of(made) == "1 sample put into another class (100.00%)"
    assert len([*made.iter("img")]) == 1
    for count, form in ((12, "confusion"), (13, "plain")):
        pairs = tuple(Flip(number, number, 0, None) for number in range(1, count))
        (shown,) = flips(replace(comparison(flips=pairs), samples=20), None, False).iter("table")
        assert shown.get("class") == form


def test_many_classes_are_a_list_and_pictures_have_an_end():
    many = replace(comparison(flips=tuple(Flip(0, number, 99, None) for number in range(40))), samples=4)
    made = flips(many, np.zeros((4, 2, 2)), False)
    assert len([*made.iter("img")]) == 24
    assert cells_of(made)[:2] == [["Keras", "file", "samples"], ["0", "99", "1"]]
    assert len(cells_of(made)) == 1 + 20


def test_masks_side_by_side_in_the_colours_of_their_classes():
    label, keras, file = np.array([[0, 1], [2, 2]]), np.array([[0, 1], [2, 1]]), np.array([[0, 1], [1, 1]])
    pair = MaskPair(3, label, keras, file, 0.25)
    found = comparison(masks={"mask": (pair,)})
    (made,) = masks(replace(found, samples=5), np.zeros((5, 2, 2, 1)), True)
    assert "sample 3: 25.00% of the pixels differ" in words(made)
    assert [each.text for each in made.iter("figcaption")] == ["image", "label", "Keras", "file", "differs"]
    shown = [pixels_of(each) for each in made.iter("img")]
    for picture, classes in zip(shown[1:4], (label, keras, file), strict=True):
        np.testing.assert_array_equal(picture, COLOURS[classes])
    red = shown[4][..., 0] == 255
    np.testing.assert_array_equal(red, keras != file)
    assert summary_of(made) == "Masks: where they differ most"
    (same,) = masks(comparison(masks={"mask": (MaskPair(3, label, keras, keras, 0.0),)}), None, False)
    assert summary_of(same) == "Masks: no pixel differs"
    (without,) = masks(found, None, False)
    assert len([*without.iter("img")]) == 4
    assert not [*masks(comparison(), None, False)]


def pixels_of(image):
    import base64
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image.get("src").split("base64,")[1]))))


def test_values_of_a_regression_lie_around_the_diagonal():
    values = OutputValues(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.5, 2.0]))
    (made,) = value_scatters(comparison(values={"price": values}), False)
    assert summary_of(made) == "Values of price: file against model"
    assert "3 values; they differ by 0.167 on average, 0.5 at most." in words(made)
    clouds = [
        [tuple(map(float, dot.split())) for dot in re.findall(r"M([\d.]+ [\d.]+)h0", each.get("d"))]
        for each in made.iter("path")
    ]
    (first, second, third), (zero, off, same) = clouds
    assert first[0] < second[0] < third[0]
    assert second[1] < (first[1] + third[1]) / 2 - 10, "above the diagonal"
    assert zero[1] == same[1] > off[1]
    assert not [*value_scatters(comparison(values={"none": OutputValues(np.empty(0), np.empty(0))}), False)]


def test_distributions_of_weights_and_activations():
    errors = LayerErrors((LayerError("first", "FULLY_CONNECTED", 30, 5, 7, 1, 0, (1,) * 32),), 8)
    made = distributions(ReportedFile("net", comparison(), errors))
    assert [words(each) for each in made.iter("figcaption")] == ["weights", "activations", "weights"]
    titles = [each.text for each in made.iter("title")]
    assert titles == ["weights of first", "activations of first", "weights of second"]
    weights, activations, _ = made.iter("svg")
    heights = [float(each.get("height")) for each in weights.iter("rect")]
    assert heights == [pytest.approx(64 * 4 / 12, abs=0.1), 64], "a quarter of 16 are zeros, the rest is 1"
    assert len([*activations.iter("rect")]) == 32
    assert distributions(ReportedFile("net", replace(comparison(), tflite=net((), ())))) is None


def test_activations_of_a_layer_that_has_no_weights_are_shown_too():
    errors = LayerErrors((LayerError("of no op", "SOFTMAX", 30, 5, 7, 1, 0, (1,) * 32),), 8)
    made = distributions(ReportedFile("net", comparison(), errors))
    titles = [each.text for each in made.iter("title")]
    assert titles == ["weights of first", "weights of second", "activations of of no op"]


@pytest.mark.parametrize(
    ("numbers", "bound"),
    [([0, -3.0], 8), ([8, 1], 8), ([9, 1], 127), ([-128, 1], 127), ([129, 1], 129), ([0.5, -2.5], 2.5), ([0, 0], 8),
     ([8.5, 1], 8.5), ([1000, 1], 1000)],
)  # fmt: skip
def test_a_histogram_is_over_the_integers_of_its_bits_or_over_the_values(numbers, bound):
    assert _ends(np.array(numbers, float)) == (-bound, bound)


def test_weights_inside_of_a_loop_are_those_of_the_body():
    found = distributions(ReportedFile("net", replace(comparison(), tflite=tfcompress.TFLiteModel(loop(3)))))
    assert [words(each) for each in found.iter("figcaption")] == ["weights"]


def test_targets_with_what_stops_and_what_slows():
    rows = (Finding("CONV_2D v9", "<conv>", "no kernel", "Use another."), Finding("ADD", "a", "slow", "Wait.", False))
    found = (Findings("tflm", 7, rows, {"arena": 1234}), Findings("cpu", 7, rows[1:]), Findings("gpu", 7, ()))
    made = targets(ReportedFile("net", comparison(), None, found))
    assert [summary_of(each) for each in made] == [
        "does NOT run on tflm: 2 findings", "runs on cpu: 1 finding", "runs on gpu: no findings",
    ]  # fmt: skip
    slow = ["slows", "a", "ADD", "slow→ Wait."]
    assert [cells_of(each)[1:] for each in made] == [
        [["stops", "<conv>", "CONV_2D v9", "no kernel→ Use another."], slow], [slow], [],
    ]  # fmt: skip
    assert [words(each) for each in made[0].iter("dd")] == ["1,234"]
    assert "&lt;conv&gt;" in html(made[0])


def test_the_device_table_has_the_columns_that_are_known():
    plain = ReportedFile("net", comparison())
    assert cells_of(devices([plain]))[0] == ["file", "MACs", "energy, estimate", "oldest runtime"]
    tflm = Findings("tflm", 7, (), {"arena needed, bytes": 1234})
    slow = Findings("gpu", 7, (Finding("ADD", "a", "slow", "Wait.", False),))
    times = Latencies((Latency("litert", 1, 30, 0.5, 0.4, 0.7), Latency("litert", 2, 30, 0.25, 0.2, 0.3)))
    whole = ReportedFile("all", comparison(), None, (tflm, slow), times)
    assert (whole.arena_bytes, plain.arena_bytes) == (1234, None)
    heads, first, second = cells_of(devices([whole, plain]))
    assert heads[1:5] == ["runs on", "arena, TFLM", "latency here", "MACs"]
    assert first[:5] == [
        "1all", "✓ tflm✓ gpu, 1 slow", "1,234 bytes", "0.500 mslitert, 1 thread0.250 mslitert, 2 threads", "32",
    ]  # fmt: skip
    assert second[:5] == ["2net", "–", "–", "–", "32"]
    energy = tfcompress.energy(net()).total
    assert first[5] == f"{energy:.3g} µJ"


def test_what_is_known_of_a_file_stands_below_its_name():
    """Which file a finding is about is no question."""
    found = (Findings("tflm", 7, (Finding("ADD", "a", "no kernel", "Wait."),)),)
    comparisons = {"one": comparison(ACCURACY), "two": comparison(ACCURACY)}
    made = tfcompress.report(comparisons, findings={"two": found})
    first, second = (file_section(n, row, 2, None, False) for n, row in enumerate(made.rows, 1))
    assert words(first.find("h2")) == "1onepassed"
    assert "tflm" not in words(first)
    assert "does NOT run on tflm" in words(second)
    assert tfcompress.report(comparison(), findings=found).rows[0].findings == found
    assert tfcompress.report(comparison(), findings=found[0]).rows[0].findings == found
    with pytest.raises(tfcompress.SettingError, match=r"which file they are of.*Pass findings=\{name: …\}"):
        tfcompress.report(comparisons, findings=found)
    none = Findings("cpu", 7, ())
    assert tfcompress.report(comparison(), findings=none).rows[0].findings == (none,), "no finding is one, too"
    errors, times = LayerErrors((), 8), Latencies(())
    (row,) = tfcompress.report(comparison(), errors=errors, latencies=times).rows
    assert (row.errors, row.latencies) == (errors, times)
    for wrong in ({"errors": {"three": None}}, {"findings": {"three": found}}, {"latencies": {"three": None}}):
        with pytest.raises(tfcompress.SettingError, match=f"{next(iter(wrong))} must have names.*three.*'one', 'two'"):
            tfcompress.report(comparisons, **wrong)


# Before and after


def test_what_is_left_is_after_over_before():
    assert Change("MACs", 200, 50).share == 0.25
    assert Change("MACs", 0, 50).share == 1.0
    changes = BeforeAfter((Change("bytes", 2000, 500), Change("ms", 1.5, 3.0)), "No arena.")
    assert changes["ms"].share == 2
    assert str(changes).splitlines() == [
        "left: 25.0% of bytes, 200.0% of ms",
        "       before  after    left",
        "bytes   2,000    500   25.0%",
        "ms      1.500  3.000  200.0%",
        "No arena.",
    ]
    assert str(BeforeAfter((Change("a", 1, 1),))).splitlines()[2:] == ["a       1      1  100.0%"]
    with pytest.raises(tfcompress.SettingError, match=r"one of 'bytes', 'ms'.*'nonsense'.*No arena"):
        changes["nonsense"]
    with pytest.raises(tfcompress.SettingError, match=r"'byte'.*Did you mean 'bytes'"):
        changes["byte"]


def test_each_figure_is_that_of_its_file(monkeypatch):
    """The files stay in their order, and each is timed by turns with the other."""
    before, after = net(("a", "b", "c"), (0, 0, 0)), net(("a",), (0,))
    turns = []

    def latency(one, threads, seconds):
        turns.append(one)
        assert threads == [1]
        times = (10.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0) if one is before else (9.0, 8.0, 7.0, 7.0, 7.0, 6.0, 5.0)
        return SimpleNamespace(rows=[SimpleNamespace(median=times[(len(turns) - 1) // 2])])

    arenas = {id(before): {"arena needed, bytes": 900}, id(after): {"arena needed, bytes": 300}}
    monkeypatch.setattr(before_after, "latency", latency)

    def check(one, target):
        assert target == "tflm"
        return SimpleNamespace(facts=arenas[id(one)])

    monkeypatch.setattr(before_after, "check", check)
    changes = before_after.before_after(before, after)
    assert turns == [before, after] * 7
    assert [(row.what, row.before, row.after) for row in changes.rows] == [
        ("bytes in flash", before.size, after.size), ("bytes deflated", before.deflated_size, after.deflated_size),
        ("MACs", 48, 16), ("bytes of arena needed, TFLM", 900, 300), ("ms on one thread of this machine", 4.0, 7.0),
    ]  # fmt: skip
    assert changes.missing == ""
    arenas[id(after)] = {}
    turns.clear()
    without = before_after.before_after(before, after)
    assert len(without.rows) == 4
    assert "TFLM does not run both files" in without.missing

    def missing(one, target):
        raise tfcompress.MissingPackageError("TFLM needs tflite-micro.")

    monkeypatch.setattr(before_after, "check", missing)
    turns.clear()
    without = before_after.before_after(before, after)
    assert len(without.rows) == 4
    assert str(without).endswith("\nNo arena: TFLM needs tflite-micro.")


def test_files_on_disk_are_read(monkeypatch, tmp_path):
    before, after = net(("a", "b"), (0, 0)), net(("a",), (0,))
    paths = [one.save(tmp_path / f"{place}.tflite") for place, one in enumerate((before, after))]
    monkeypatch.setattr(before_after, "latency", lambda one, **_: SimpleNamespace(rows=[SimpleNamespace(median=1.0)]))
    monkeypatch.setattr(before_after, "check", lambda one, target: SimpleNamespace(facts={}))
    changes = before_after.before_after(*paths)
    assert changes["bytes in flash"] == Change("bytes in flash", before.size, after.size)


def test_a_packed_file_has_no_time_on_this_machine(monkeypatch):
    """LiteRT does not run it; what else is missing is told before."""
    before, after = net(("a", "b"), (0, 0)), net(("a",), (0,))
    packed = SimpleNamespace(size=99, deflated_size=88, packing="some")
    monkeypatch.setattr(before_after, "as_tflite", lambda one: packed)
    monkeypatch.setattr(before_after, "inspect", lambda one: SimpleNamespace(macs=16))
    monkeypatch.setattr(before_after, "check", lambda one, target: SimpleNamespace(facts={"arena needed, bytes": 7}))
    told = "No time on this machine: LiteRT runs no packed file; latency(…, runtimes=['tflm']) times TFLM here."
    changes = before_after.before_after(before, after)
    assert changes.rows == (
        Change("bytes in flash", before.size, 99), Change("bytes deflated", before.deflated_size, 88),
        Change("MACs", 16, 16), Change("bytes of arena needed, TFLM", 7, 7),
    )  # fmt: skip
    assert changes.missing == told
    monkeypatch.setattr(before_after, "check", lambda one, target: SimpleNamespace(facts={}))
    changes = before_after.before_after(before, after)
    assert changes.missing == f"No arena: TFLM does not run both files; see check(…, 'tflm'). {told}"
