"""What the converter process does: TensorFlow's converter is called, so that its crashes and leaks are not the user's.

In: a request of `convert`. Out: the file, and what integers lose, in the folder that the request names. A request of
`run_once` is answered as well: another process for it would take 60 MB and a third of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfcompress.conversion.converter_process import BITS, LOSSES, OUTPUT, advance_by
from tfcompress.errors import ConversionError
from tfcompress.isolation.serve_requests import Answer, Tell


def start() -> Answer:
    """Load the converter's library, once for all requests; return what answers them."""
    from tfcompress.conversion.converter_library import load_library

    load_library()
    return _answer


def _answer(request: dict[str, Any], tell: Tell) -> Any:
    if "what" not in request:
        return _convert(request, tell)
    from tfcompress.runtime.run_child import start as start_runs

    return start_runs()(request, tell)


def _convert(request: dict[str, Any], tell: Tell) -> None:
    from tfcompress.conversion.converter import run_converter
    from tfcompress.conversion.converter_flags import ConverterFlags
    from tfcompress.conversion.flash_budget import budget_of
    from tfcompress.conversion.layer_names import layer_map
    from tfcompress.conversion.precision_plan import PrecisionPlan
    from tfcompress.conversion.quantization_losses import Loss
    from tfcompress.conversion.samples import Calibration
    from tfcompress.conversion.weight_bits import bits_to_json
    from tfcompress.scheme import SCHEMES

    folder = Path(request["folder"])
    calibration = None if request["calibration"] is None else Calibration.from_dict(request["calibration"], folder)
    losses: list[Loss] = []
    plan = PrecisionPlan.from_dict(request["mixture"])

    def layers(names: Iterable[str]) -> dict[str, str]:
        return layer_map(names, plan.paths, plan.root)

    budget = budget_of(request["flash"], layers)
    try:
        content = run_converter(
            folder / "saved_model",
            ConverterFlags(**request["flags"]),
            SCHEMES[request["quantization"]],
            request["io"],
            calibration,
            request["method"],
            plan,
            request["extra_ops"],
            request["requantize"],
            request["cell_ranges"],
            advance_by(tell),
            losses,
            request["recover"],
            budget,
        )
    except MemoryError:
        raise ConversionError("The conversion must fit into memory.", received="MemoryError") from None
    (folder / LOSSES).write_text(json.dumps([loss.to_dict() for loss in losses]))
    (folder / BITS).write_text(json.dumps(bits_to_json(budget.bits if budget else {})))
    (folder / OUTPUT).write_bytes(content)
