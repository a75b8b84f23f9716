"""A comparison goes into the run of MLflow or Weights & Biases that is active.

In: a `Comparison`. Out: its figures as metrics of that run. Imports neither: where no program has, no run is active.
"""

from __future__ import annotations

import sys
from typing import Any

from tfcompress.comparison.result import Comparison
from tfcompress.errors import SettingError


def log_comparison(comparison: Comparison, *, prefix: str = "tfcompress", step: int | None = None) -> list[str]:
    """Log what a comparison found as metrics of the active run of MLflow, of Weights & Biases, or of both.

    Args:
        comparison: What `compare` returned.
        prefix: How the names of the metrics begin, such as "int8".
        step: The step of the run. Default: the next one.

    Returns:
        Where it was logged: "mlflow", "wandb".

    Raises:
        SettingError: no run is active.

    Example:
        >>> tfcompress.log_comparison(comparison, prefix="int8")
        Traceback (most recent call last):
        tfcompress.errors.SettingError: A run of MLflow or Weights & Biases must be active. ...
    """
    metrics = {f"{prefix}/{name}": value for name, value in figures(comparison).items()}
    logged = []
    mlflow: Any = sys.modules.get("mlflow")
    if mlflow is not None and mlflow.active_run() is not None:
        mlflow.log_metrics(metrics, step=step)
        logged.append("mlflow")
    wandb: Any = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.log(metrics, step=step)
        logged.append("wandb")
    if not logged:
        raise SettingError(
            "A run of MLflow or Weights & Biases must be active.",
            received="none",
            hint="Start one before: mlflow.start_run() or wandb.init().",
        )
    return logged


def figures(comparison: Comparison) -> dict[str, float]:
    """Return the numbers of a comparison by name: scores of both, sizes in bytes, errors in units of the outputs."""
    found = {
        "passed": float(comparison.passed),
        "bytes_in_flash": float(comparison.tflite.size),
        "bytes_deflated": float(comparison.tflite.deflated_size),
        "mean_error": comparison.mean_error,
        "max_error": comparison.max_error,
    }
    if comparison.agreement is not None:
        found["same_class"] = comparison.agreement
    for score in comparison.scores:
        found |= {f"{score.name}/keras": score.keras, f"{score.name}/file": score.file}
        found[f"{score.name}/difference"] = score.difference
    return found
