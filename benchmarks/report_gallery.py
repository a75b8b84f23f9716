"""Sample reports: classification, segmentation, regression and several outputs, each as page, model card and JSON.

python -m benchmarks.report_gallery --output gallery --pictures
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import tfcompress
from benchmarks import gallery_tasks
from benchmarks.chromium import SCHEMES, picture
from tfcompress.console import progress

TARGETS = ("cpu", "gpu", *(["tflm"] if find_spec("tflite_micro") else []))
TASKS = ("classification", "segmentation", "regression", "several_outputs")
WIDTHS = (390, 800, 1280)


def reported(task: gallery_tasks.Task) -> tfcompress.Report:
    """Convert a model in several ways and return the report of all files."""
    model, samples = task.model, task.samples
    floating = tfcompress.convert(model, "float32")
    files = {
        "float32": floating,
        "int8": tfcompress.convert(model, samples=samples),
        "int16x8": tfcompress.convert(model, "int16x8", samples=samples),
    }
    if task.smaller is not None:
        files["fewer channels, not trained on"] = tfcompress.convert(task.smaller, samples=samples)
    errors = {name: tfcompress.layer_errors(floating, files[name], task.x[:100]) for name in ("int8", "int16x8")}
    return tfcompress.report(
        {name: tfcompress.compare(model, file, task.x, task.y, limits=task.limits) for name, file in files.items()},
        title=task.title,
        errors=errors,
        findings={name: [tfcompress.check(file, target) for target in TARGETS] for name, file in files.items()},
        latencies={name: tfcompress.latency(file, threads=[1], seconds=0.3) for name, file in files.items()},
        pictures=task.x,
        histograms=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="default: all of them")
    parser.add_argument("--output", type=Path, default=Path("gallery"), help="folder for the reports")
    parser.add_argument("--pictures", action="store_true", help="pictures of the pages as well, by Chromium")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.tasks or TASKS:
        with progress(f"training the network for {name}"):
            task = getattr(gallery_tasks, name)()
        report = reported(task)
        print(report)
        for suffix in (".html", ".md", ".json"):
            print(report.save(arguments.output / f"{name}{suffix}"))
        if arguments.pictures:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    path = arguments.output / f"{name}_{width}_{scheme}.png"
                    picture(report.to_html(), path, width, 2400 if width < 500 else 1600, scheme)
                    print(path)


if __name__ == "__main__":
    main()
