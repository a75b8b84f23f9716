"""The last step of every conversion: the manifest goes into the file, and the file is remembered as ours.

In: a proven file, and what each way to make one knows of it. Out: the `TFLiteModel` that the user gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tfcompress import __version__
from tfcompress.litert.attached_files import attach
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.litert.write_metadata import sign
from tfcompress.runtime.run_once import remember_as_ours


def begun_manifest(packages: Sequence[str], **entries: Any) -> dict[str, Any]:
    """Return what a manifest tells that is known before the file is there.

    Args:
        packages: Those whose versions the manifest tells.
        entries: Whatever else it tells; must be JSON.
    """
    return {
        "tfcompress": __version__,
        "versions": {package: version(package) for package in packages},
        **entries,
        "runs": {"litert": True, "reference": True},
    }


def finalize_file(
    converted: TFLiteModel,
    names: Mapping[str, str],
    begun: Mapping[str, Any],
    *,
    runs: Mapping[str, str],
    attached: Mapping[str, bytes] | None = None,
    **entries: Any,
) -> TFLiteModel:
    """Return the file with names and manifest.

    Args:
        converted: The file; it is of no use afterwards.
        names: New name by old name, for inputs and outputs of its signatures.
        begun: What `begun_manifest` returns.
        runs: What is wrong with it on each runtime, or nothing.
        attached: Files to put behind it, by name.
        entries: Whatever else the manifest tells; must be JSON.
    """
    manifest = {**begun, **entries, "runs": {runtime: problem or True for runtime, problem in runs.items()}}
    sign(converted.file, names, manifest)
    made = TFLiteModel.from_graph(converted.file)
    if attached:
        made = TFLiteModel(attach(made.content, attached))
    remember_as_ours(made)
    return made
