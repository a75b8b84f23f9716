"""A report as a model card: Markdown below metadata that Hugging Face reads.

In: the Markdown of a report, `ReportedFile`s. Out: text.
Source: the metadata of model cards, `model-index` with results, https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfcompress.comparison.result import Comparison
from tfcompress.printable_names import printable
from tfcompress.reporting.origin import ReportOrigin, models
from tfcompress.reporting.reported_file import ReportedFile
from tfcompress.result_base import markdown_text

LIBRARY = "litert"
"""What Hugging Face calls the library that runs the files."""
METRICS = {
    "pixel accuracy": "accuracy",
    "mean IoU": "mean_iou",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
}
"""Identifiers of metrics on the hub, where they are not the names themselves."""


def model_card(markdown: str, files: Sequence[ReportedFile], origin: ReportOrigin) -> str:
    """Return the card; it tells no license, as a report knows none.

    Args:
        markdown: Heading and table of the report.
        files: What the metadata tell.
        origin: When, where and with what the report was made.
    """
    facts = [f"- model: {markdown_text(words)}" for words in models([file.manifest for file in files])]
    facts += [f"- date: {origin.date}", f"- machine: {markdown_text(origin.machine)}"]
    facts.append("- versions: " + ", ".join(f"{name} {number}" for name, number in origin.versions.items()))
    note = "Differences are paired: model and file answer the same samples. The interval is at 95 %."
    parts = [f"---\n{_yaml(metadata(files))}---", markdown.rstrip(), note, "## Where it comes from", "\n".join(facts)]
    return "\n\n".join(parts) + "\n"


def metadata(files: Sequence[ReportedFile]) -> dict[str, Any]:
    """Return what Hugging Face reads: library, tags, metrics, and the results of each file."""
    kinds = [file.kind for file in files if file.kind.isalnum()]
    found: dict[str, Any] = {
        "library_name": LIBRARY,
        "tags": [*dict.fromkeys(["tflite", "keras", *kinds, "tfcompress"])],
    }
    tasks = {_task(file.comparison) for file in files} - {"other"}
    if len(tasks) == 1:
        found["pipeline_tag"] = tasks.pop()
    metrics = dict.fromkeys(_identifier(score.name) for file in files for score in file.comparison.scores)
    if metrics:
        found["metrics"] = [*metrics]
        found["model-index"] = [
            {"name": file.name, "results": [*_results(file)]} for file in files if file.comparison.scores
        ]
    return found


def _results(file: ReportedFile) -> Iterator[dict[str, Any]]:
    compared = file.comparison
    for score in compared.scores:
        yield {
            "task": {"type": _task(compared)},
            "dataset": {"type": "custom", "name": f"{compared.samples} samples"},
            "metrics": [
                {"type": _identifier(score.name), "name": f"{score.name} on {compared.runtime}", "value": score.file}
            ],
        }


def _identifier(metric: str) -> str:
    name = metric.rpartition("/")[2]
    return METRICS.get(name, name.lower().replace(" ", "_"))


def _task(compared: Comparison) -> str:
    """Return the task as the hub names it, as far as shapes tell; else "other"."""
    inputs = [spec.shape for spec in compared.tflite.inputs]
    if len(inputs) != 1 or len(compared.tflite.outputs) != 1:
        return "other"
    is_image, is_table = len(inputs[0]) == 4 and inputs[0][-1] in (1, 3, 4), len(inputs[0]) == 2
    if compared.masks and is_image:
        return "image-segmentation"
    kind = "classification" if compared.agreement is not None else "regression"
    if is_table:
        return f"tabular-{kind}"
    return "image-classification" if is_image and kind == "classification" else "other"


def _yaml(value: Mapping[str, Any], indent: str = "") -> str:
    """Return lists and objects in YAML's block form, texts in quotes, which is JSON's form of them as well."""
    lines = []
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(inner, indent + '  ')}")
        elif isinstance(inner, list):
            lines.append(f"{indent}{key}:\n{''.join(_item(one, indent) for one in inner)}")
        else:
            lines.append(f"{indent}{key}: {_scalar(inner)}\n")
    return "".join(lines)


def _item(value: Any, indent: str) -> str:
    if not isinstance(value, Mapping):
        return f"{indent}- {_scalar(value)}\n"
    return f"{indent}- {_yaml(value, indent + '  ').lstrip()}"


def _scalar(value: str | float) -> str:
    if isinstance(value, str):
        # No "<": what shows the whole card as Markdown would take it for HTML.
        return json.dumps(printable(value), ensure_ascii=False).replace("<", "\\u003c")
    mantissa, exponent, power = f"{value:.6g}".partition("e")
    return mantissa + (".0" if exponent and "." not in mantissa else "") + exponent + power  # 1e-05 is a text in YAML
