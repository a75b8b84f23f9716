"""The charts against bytes: where each mark and each number stands, and what the axes are called."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.properties.comparisons import ACCURACY, ERROR, comparison
from tests.properties.test_page_outlines import expected, outline
from tfcompress.comparison.metric_score import Score
from tfcompress.reporting.page.accuracy_by_bytes import accuracy_by_bytes
from tfcompress.reporting.page.size_bars import size_bars
from tfcompress.reporting.reported_file import ReportedFile

OPEN = Score("box/miou", 0.5, 0.25, None, higher_is_better=None)
SECOND = replace(ACCURACY, keras=0.8, file=0.81, interval=(-0.01, 0.03), verdict="too few samples to tell")


def of_bytes(name, size, *scores, **others):
    """A file of a round number of bytes; the charts read nothing else of it."""
    return ReportedFile(
        name, replace(comparison(*scores, **others), tflite=SimpleNamespace(size=size, deflated_size=size // 2))
    )


def drawn(svg):
    """A line for the ticks of each axis, and for each mark its kind, its places and its title or text."""
    ticks = {
        side: " ".join(each.text for each in svg if each.get("class") == f"tick {side}") for side in ("middle", "end")
    }
    lines = [f"{svg.find('title').text}: {ticks['middle']} / {ticks['end']}"]
    for each in svg.iterfind("*[@class]"):
        kind, *places = [
            each.get("class"),
            *(each.get(key) for key in ("cx", "cy", "x1", "y1", "x2", "y2", "x", "y", "r") if each.get(key)),
        ]
        if kind != "grid" and not kind.startswith("tick"):
            title = each.find("title")
            lines.append(" ".join([kind, *places, *_told(each.text), *_told(None if title is None else title.text)]))
    return lines


def _told(text):
    return [text] if text else []


def charts(files):
    made = accuracy_by_bytes(files)
    return [line for svg in made.iter("svg") for line in drawn(svg)]


def test_files_of_several_sizes_and_metrics():
    files = [
        of_bytes("a", 3000, ACCURACY),
        of_bytes("b", 1000, SECOND, ERROR),
        of_bytes(
            "c",
            1000,
            replace(ERROR, interval=None, limit=None, verdict="no limit", keras=0.5, file=2.0),
            replace(SECOND, file=0.8, limit=None, verdict="no limit"),
        ),
    ]
    assert charts(files) == expected(
        """
        accuracy of each file against its bytes in flash: 0 1 2 3 / 75 80 85 90
        axis end 346 234 KiB in flash
        axis 4 14 accuracy in %, higher is better
        limit 315.2 87.3 333.2 87.3
        interval 324.2 77.4 324.2 47.7
        limit 133.7 186.1 151.7 186.1
        interval 142.7 146.6 142.7 107.1
        interval 152.7 146.6 152.7 107.1
        model 324.2 37.9 6 a: Keras 90.00 %, file 87.50 %
        passed 324.2 62.6 4 a: Keras 90.00 %, file 87.50 %
        model 142.7 136.7 6 b: Keras 80.00 %, file 81.00 %
        unclear 142.7 126.8 4 b: Keras 80.00 %, file 81.00 %
        model 152.7 136.7 6 c: Keras 80.00 %, file 80.00 %
        open 152.7 136.7 4 c: Keras 80.00 %, file 80.00 %
        label middle 336.2 66.6 1
        label middle 130.7 130.8 2
        label middle 164.7 140.7 3
        box/mae of each file against its bytes in flash: 0 200 400 600 800 1000 / 0.5 1 1.5 2
        axis end 346 234 bytes in flash
        axis 4 14 box/mae, lower is better
        limit 315.2 77.4 333.2 77.4
        interval 324.2 67.5 324.2 57.6
        interval 334.2 37.9 334.2 37.9
        model 324.2 87.3 6 b: Keras 1.5, file 1.75
        failed 324.2 62.6 4 b: Keras 1.5, file 1.75
        model 334.2 186.1 6 c: Keras 0.5, file 2
        open 334.2 37.9 4 c: Keras 0.5, file 2
        label middle 336.2 66.6 2
        label middle 346.2 41.9 3
        """
    )


def test_files_of_one_size_stand_apart():
    files = [of_bytes(f"f{number}", 2**21 - 20 + number % 2, ACCURACY) for number in range(9)]
    assert charts(files) == expected(
        """
        accuracy of each file against its bytes in flash: 0 500 1000 1500 2000 / 85 86 87 88 89 90
        axis end 346 234 KiB in flash
        axis 4 14 accuracy in %, higher is better
        limit 255.0 186.1 273.0 186.1
        interval 264.0 156.5 264.0 67.5
        limit 305.0 186.1 323.0 186.1
        interval 314.0 156.5 314.0 67.5
        limit 265.0 186.1 283.0 186.1
        interval 274.0 156.5 274.0 67.5
        limit 315.0 186.1 333.0 186.1
        interval 324.0 156.5 324.0 67.5
        limit 275.0 186.1 293.0 186.1
        interval 284.0 156.5 284.0 67.5
        limit 325.0 186.1 343.0 186.1
        interval 334.0 156.5 334.0 67.5
        limit 285.0 186.1 303.0 186.1
        interval 294.0 156.5 294.0 67.5
        limit 335.0 186.1 353.0 186.1
        interval 344.0 156.5 344.0 67.5
        limit 295.0 186.1 313.0 186.1
        interval 304.0 156.5 304.0 67.5
        model 264.0 37.9 6 f0: Keras 90.00 %, file 87.50 %
        passed 264.0 112.0 4 f0: Keras 90.00 %, file 87.50 %
        model 314.0 37.9 6 f1: Keras 90.00 %, file 87.50 %
        passed 314.0 112.0 4 f1: Keras 90.00 %, file 87.50 %
        model 274.0 37.9 6 f2: Keras 90.00 %, file 87.50 %
        passed 274.0 112.0 4 f2: Keras 90.00 %, file 87.50 %
        model 324.0 37.9 6 f3: Keras 90.00 %, file 87.50 %
        passed 324.0 112.0 4 f3: Keras 90.00 %, file 87.50 %
        model 284.0 37.9 6 f4: Keras 90.00 %, file 87.50 %
        passed 284.0 112.0 4 f4: Keras 90.00 %, file 87.50 %
        model 334.0 37.9 6 f5: Keras 90.00 %, file 87.50 %
        passed 334.0 112.0 4 f5: Keras 90.00 %, file 87.50 %
        model 294.0 37.9 6 f6: Keras 90.00 %, file 87.50 %
        passed 294.0 112.0 4 f6: Keras 90.00 %, file 87.50 %
        model 344.0 37.9 6 f7: Keras 90.00 %, file 87.50 %
        passed 344.0 112.0 4 f7: Keras 90.00 %, file 87.50 %
        model 304.0 37.9 6 f8: Keras 90.00 %, file 87.50 %
        passed 304.0 112.0 4 f8: Keras 90.00 %, file 87.50 %
        label middle 252.0 116.0 1
        label middle 326.0 116.0 2
        label middle 286.0 116.0 3
        label middle 336.0 116.0 4
        label middle 296.0 116.0 5
        label middle 346.0 116.0 6
        label middle 306.0 116.0 7
        label middle 356.0 116.0 8
        label middle 316.0 116.0 9
        """
    )


def test_files_whose_numbers_find_a_free_place():
    files = [
        of_bytes(
            f"f{number}",
            2**21 - 9000 * (number * number % 7),
            replace(ACCURACY, file=0.9 - 0.004 * (number * 5 % 6), interval=(-0.01, 0.0)),
        )
        for number in range(7)
    ]
    assert charts(files) == expected(
        """
        accuracy of each file against its bytes in flash: 0 0.5 1 1.5 2 / 85 86 87 88 89 90
        axis end 346 234 MiB in flash
        axis 4 14 accuracy in %, higher is better
        limit 335.0 186.1 353.0 186.1
        interval 344.0 67.5 344.0 37.9
        limit 315.0 186.1 333.0 186.1
        interval 324.0 67.5 324.0 37.9
        limit 275.0 186.1 293.0 186.1
        interval 284.0 67.5 284.0 37.9
        limit 295.0 186.1 313.0 186.1
        interval 304.0 67.5 304.0 37.9
        limit 305.0 186.1 323.0 186.1
        interval 314.0 67.5 314.0 37.9
        limit 285.0 186.1 303.0 186.1
        interval 294.0 67.5 294.0 37.9
        limit 325.0 186.1 343.0 186.1
        interval 334.0 67.5 334.0 37.9
        model 344.0 37.9 6 f0: Keras 90.00 %, file 90.00 %
        passed 344.0 37.9 4 f0: Keras 90.00 %, file 90.00 %
        model 324.0 37.9 6 f1: Keras 90.00 %, file 88.00 %
        passed 324.0 97.2 4 f1: Keras 90.00 %, file 88.00 %
        model 284.0 37.9 6 f2: Keras 90.00 %, file 88.40 %
        passed 284.0 85.3 4 f2: Keras 90.00 %, file 88.40 %
        model 304.0 37.9 6 f3: Keras 90.00 %, file 88.80 %
        passed 304.0 73.4 4 f3: Keras 90.00 %, file 88.80 %
        model 314.0 37.9 6 f4: Keras 90.00 %, file 89.20 %
        passed 314.0 61.6 4 f4: Keras 90.00 %, file 89.20 %
        model 294.0 37.9 6 f5: Keras 90.00 %, file 89.60 %
        passed 294.0 49.7 4 f5: Keras 90.00 %, file 89.60 %
        model 334.0 37.9 6 f6: Keras 90.00 %, file 90.00 %
        passed 334.0 37.9 4 f6: Keras 90.00 %, file 90.00 %
        label middle 344.0 26.9 1
        label middle 336.0 101.2 2
        label middle 296.0 89.3 3
        label middle 316.0 77.4 4
        label middle 326.0 77.6 5
        label middle 272.0 53.7 6
        label middle 334.0 26.9 7
        """
    )


def test_files_without_labels_show_their_errors():
    files = [of_bytes("a", 2**20), of_bytes("b", 2**20, mean_error=0.5), of_bytes("c", 2**19, mean_error=0.49)]
    assert charts(files) == expected(
        """
        mean error of each file against its bytes in flash: 0 200 400 600 800 1000 / 0 0.1 0.2 0.3 0.4 0.5
        axis end 346 234 KiB in flash
        axis 4 14 mean error of the outputs
        open 324.2 178.5 4 a: 0.0625
        open 334.2 41.6 4 b: 0.5
        open 188.1 44.8 4 c: 0.49
        label middle 336.2 182.5 1
        label middle 346.2 45.6 2
        label middle 200.1 48.8 3
        """
    )


def test_files_without_an_error():
    files = [of_bytes("a", 2047, mean_error=0.0)]
    assert charts(files) == expected(
        """
        mean error of each file against its bytes in flash: 0 500 1000 1500 2000 / 0 0.2 0.4 0.6 0.8 1
        axis end 346 234 bytes in flash
        axis 4 14 mean error of the outputs
        open 324.2 198.0 4 a: 0
        """
    )


@pytest.mark.parametrize(("size", "unit"), [(2047, "bytes"), (2048, "KiB"), (2**21 - 1, "KiB"), (2**21, "MiB")])
def test_bytes_are_told_in_the_largest_unit_of_which_there_are_two(size, unit):
    ticks, axis, *_ = charts([of_bytes("small", 64), of_bytes("large", size)])
    assert axis == f"axis end 346 234 {unit} in flash"
    assert [float(tick) for tick in ticks.partition(": ")[2].partition(" /")[0].split()][-1] <= 2.16 * (
        1024 if size < 2**21 else 1
    )


def test_six_metrics_are_drawn_and_long_names_are_cut():
    scores = [replace(OPEN, name=f"m{number}" * 20) for number in range(8)]
    lines = charts([of_bytes("a", 2048, *scores)])
    assert [line for line in lines if line.startswith("axis 4")] == [f"axis 4 14 {f'm{n}' * 12}m…" for n in range(6)]
    made = accuracy_by_bytes([of_bytes("a", 2048, *scores[:6])])
    assert len([*made.iter("svg")]) == 6


@pytest.mark.parametrize(
    ("scores", "heading", "keys"),
    [((), "Error", 1), ((ACCURACY,), "Accuracy", 4), ((ACCURACY, ERROR), "Metrics", 4), ((ERROR,), "Metrics", 4)],
)
def test_the_charts_are_headed_and_have_a_legend(scores, heading, keys):
    files = [of_bytes("a", 2048, *scores), of_bytes("b", 1024)]
    if not scores:
        files = files[:1]
    made = accuracy_by_bytes(files[:1])
    assert outline(made)[:2] == ["section", f" h2 {heading} against bytes"]
    legend = [
        ("mark dot", "file"),
        ("mark model", "Keras model"),
        ("mark interval", "95 % interval"),
        ("mark limit", "limit"),
    ]
    assert outline(made.find("p")) == [
        "p [class=legend]",
        *(
            line
            for kind, words in legend[:keys]
            for line in (" span [class=key]", f"  span [class={kind}]", f"  {words}")
        ),
    ]
    assert made.find("div").get("class") == "charts wide"
    assert outline(made.find("div")[-1]) == outline(size_bars(files[:1])), "the bars stand last"


@pytest.mark.parametrize("scores", [(ACCURACY,), ()])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_files_have_numbers_where_there_are_several(count, scores):
    files = [of_bytes(f"file {number}", 1000 * number, *scores) for number in range(1, count + 1)]
    told = [line.split()[-1] for line in charts(files) if line.startswith("label middle ")]
    assert told == ([str(number) for number in range(1, count + 1)] if count > 1 else [])
