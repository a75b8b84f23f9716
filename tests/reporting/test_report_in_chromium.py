"""The report's page in a real browser: on a phone, a tablet and a desktop nothing overflows, in light and dark."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.chromium import SCHEMES, chromium, dump, frame, picture
from tests.properties.comparisons import ACCURACY, ERROR, comparison, net
from tfcompress.comparison.classification_counts import Flip
from tfcompress.comparison.kept_outputs import MaskPair, OutputValues
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.deployment.findings import Finding, Findings
from tfcompress.reporting.report import report
from tfcompress.runtime.latency import Latencies, Latency

needs_chromium = pytest.mark.skipif(
    chromium() is None, reason="NO CHROMIUM: the report was not measured in a browser (apt-get install chromium)"
)
WIDTHS = (390, 800, 1280)
LONG = "a_layer_with_a_name_that_never_seems_to_end_" * 4
TASKS = {
    "classification": ({"scores": (ACCURACY,)}, {"flips": tuple(Flip(n, n % 11, (n + 1) % 11, 3) for n in range(40))}),
    "segmentation": (
        {"scores": (replace(ACCURACY, name="pixel accuracy"), replace(ACCURACY, name="mean IoU", in_points=False))},
        {"masks": {"mask": (MaskPair(3, *np.eye(12, dtype=int)[np.newaxis].repeat(3, 0), 0.25),) * 4}},
    ),
    "regression": (
        {"scores": (replace(ERROR, name="root_mean_squared_error"),)},
        {"agreement": None, "values": {"price": OutputValues(np.arange(99.0), np.arange(99.0) + 1)}},
    ),
    "several outputs": (
        {"scores": (replace(ACCURACY, name=f"{LONG}/accuracy"), ERROR, replace(ERROR, name="b/mae"))},
        {"values": {LONG: OutputValues(np.arange(9.0), np.arange(9.0))}},
    ),
}
MEASURE = """
<pre id="found"></pre>
<script>
const luminance = rgb => {
  const [r, g, b] = rgb.map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parsed = colour => {
  const parts = colour.match(/[\\d.]+/g).map(Number);
  const scale = colour.startsWith("color(") ? 255 : 1;
  return {rgb: parts.slice(0, 3).map(part => part * scale), alpha: parts.length > 3 ? parts[3] : 1};
};
const behind = (view, element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parsed(view.getComputedStyle(at).backgroundColor);
    if (colour.alpha > 0.5) return colour.rgb;
  }
};
const measured = frame => {
  const view = frame.contentWindow, page = frame.contentDocument, root = page.documentElement;
  page.querySelectorAll("details").forEach(each => (each.open = true));
  const width = root.clientWidth, beyond = [], faint = [];
  for (const each of page.body.querySelectorAll("*")) {
    const box = each.getBoundingClientRect();
    const drawing = each.tagName === "text" && each.closest("svg").getBoundingClientRect();
    if (drawing && (box.right > drawing.right + 1 || box.left < drawing.left - 1))
      beyond.push("cut: " + each.outerHTML);
    const inside = !each.closest("svg") || each.tagName === "svg";
    if (inside && box.width && (box.right > width + 0.5 || box.left < -0.5)) beyond.push(each.outerHTML.slice(0, 90));
    if (!each.closest("svg") && each.clientWidth && each.scrollWidth > each.clientWidth + 1)
      beyond.push("wider: " + each.outerHTML.slice(0, 90));
    const words = [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (words && box.width) {
      const style = view.getComputedStyle(each);
      const ink = parsed(each.closest("svg") ? style.fill : style.color).rgb;
      const [dark, light] = [luminance(ink), luminance(behind(view, each))].sort((a, b) => a - b);
      if ((light + 0.05) / (dark + 0.05) < 4.5) faint.push(each.outerHTML.slice(0, 90));
    }
  }
  const seen = {};
  for (const [name, place] of [["verdict", ".verdicts .badge"], ["accuracy", ".verdicts td:nth-child(3) strong"],
                               ["bytes", ".verdicts td:nth-child(4) strong"]]) {
    const box = page.querySelector(place).getBoundingClientRect();
    seen[name] = box.width > 0 && box.left >= 0 && box.right <= width;
  }
  return {task: frame.dataset.task, width, scroll: root.scrollWidth, beyond, faint, seen,
          paper: luminance(behind(view, page.body))};
};
addEventListener("load", () => {
  document.getElementById("found").textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(measured));
});
</script>
"""


def page_of(task):
    """A report of two files with everything that a page can hold, and names that are as long as names get."""
    scores, others = TASKS[task]
    rows = (Finding("CONV_2D v9 (int8, int8 → int8)", LONG, "no kernel for it " * 9, "Use another layer."),) * 3
    found = (Findings("tflm", 7, rows, {"arena needed, bytes": 123456}), Findings("cpu", 7, ()))
    errors = LayerErrors((LayerError(LONG, "CONV_2D", 21.26, 5, 7, 0.875, 0.0125, (*range(32),)),), 8)
    times = Latencies((Latency("litert", 1, 30, 123.456, 0.4, 0.7),) * 2)
    whole = replace(comparison(*scores["scores"], **others), samples=50, tflite=net((LONG, "second")))
    unclear = [
        replace(score, verdict="too few samples to tell", more_samples=12000, keras=-1234567.0)
        for score in scores["scores"]
    ]
    plain = comparison(*unclear, agreement=None, mean_error=1.234e-7)
    names = (LONG, "int8")
    return report(
        dict(zip(names, (whole, plain), strict=True)),
        title=f"{task}: {LONG}",
        errors={LONG: errors},
        findings={LONG: found},
        latencies={LONG: times},
        pictures=np.random.default_rng(0).random((50, 12, 12)),
        histograms=True,
    ).to_html()


@needs_chromium
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_overflows_and_everything_can_be_read(scheme):
    frames = [
        frame(page_of(task), width, 900).replace("<iframe", f'<iframe data-task="{task}"', 1)
        for task in TASKS
        for width in WIDTHS
    ]
    dumped = dump(f"<!doctype html><body>{''.join(frames)}{MEASURE}</body>", scheme)
    measured = json.loads(re.search('<pre id="found">(.*?)</pre>', dumped, re.DOTALL).group(1).replace("&gt;", ">")
                          .replace("&lt;", "<").replace("&amp;", "&"))  # fmt: skip
    assert [(one["task"], one["width"]) for one in measured] == [(task, width) for task in TASKS for width in WIDTHS]
    for one in measured:
        where = f"{one['task']} at {one['width']} px, {scheme}"
        assert one["beyond"] == [], where
        assert one["scroll"] <= one["width"], f"{where}: the page scrolls sideways"
        assert one["seen"] == {"verdict": True, "accuracy": True, "bytes": True}, where
        assert one["faint"] == [], f"{where}: contrast below 4.5 to 1"
        assert one["paper"] < 0.05 if scheme == "dark" else one["paper"] > 0.9, where


@needs_chromium
def test_a_picture_is_as_wide_as_a_phone(tmp_path):
    from PIL import Image

    picture(page_of("classification"), tmp_path / "phone.png", 390, 800, "dark")
    with Image.open(tmp_path / "phone.png") as shot:
        assert shot.size == (390, 800)
        pixels = np.asarray(shot.convert("L"))
    assert pixels.mean() < 80, "dark"
    assert pixels.std() > 5, "something is drawn"
