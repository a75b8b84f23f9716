"""What candidates have come to, kept by recipe: in memory, and on disk where the study has a folder.

In: candidates and their models. Out: the same, also in another process, so that nothing is trained twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tfcompress import files
from tfcompress.console import Loudness, loudness
from tfcompress.errors import ModelError
from tfcompress.litert.tflite_model import TFLiteModel, load
from tfcompress.model_files.load_keras import load_keras
from tfcompress.search.device_budget import Footprint
from tfcompress.search.judge import Candidate
from tfcompress.search.recipe import Recipe
from tfcompress.temporary_files import temporary_folder


class CandidateStore:
    """Candidates by recipe.

    Args:
        folder: Of the study; None keeps candidates in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "candidates"
        self._known: dict[Recipe, Candidate] = {}
        self._models: dict[Recipe, Any] = {}

    def get(self, recipe: Recipe) -> Candidate | None:
        """Return the candidate of a recipe, or None."""
        if recipe not in self._known and self._folder is not None:
            path = self._path(recipe, ".json")
            if path.exists():  # written last: the file is there as well
                self._known[recipe] = _candidate(json.loads(path.read_text()), load(self._path(recipe, ".tflite")))
        return self._known.get(recipe)

    def add(self, candidate: Candidate, model: Any) -> None:
        """Keep a candidate and its model."""
        self._known[candidate.recipe] = candidate
        if self._folder is None:
            self._models[candidate.recipe] = model
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        model.save(self._path(candidate.recipe, ".keras"))
        candidate.tflite.save(self._path(candidate.recipe, ".tflite"))
        files.write(self._path(candidate.recipe, ".json"), json.dumps(facts_of(candidate)) + "\n")

    def receive(self, facts: dict[str, Any], tflite: bytes, model: bytes) -> Candidate:
        """Keep what a worker has made."""
        candidate = _candidate(facts, TFLiteModel(tflite))
        with temporary_folder() as folder:
            path = folder / "model.keras"
            path.write_bytes(model)
            self.add(candidate, load_keras(path))
        return candidate

    def footprint(self, recipe: Recipe, measure: Callable[[Recipe], Footprint | None]) -> Footprint | None:
        """Return what a recipe takes untrained, measured unless it is kept: a study that goes on has the same ways."""
        if self._folder is None:
            return measure(recipe)
        path = self._path(recipe, ".footprint.json")
        if not path.exists():
            found = measure(recipe)
            files.write(path, json.dumps(found and asdict(found)) + "\n")
        facts = json.loads(path.read_text())
        return facts and Footprint(**facts)

    def model(self, recipe: Recipe) -> Any:
        """Return the Keras model of a candidate."""
        if self._folder is None:
            return self._models[recipe]
        return load_keras(self._path(recipe, ".keras"))

    def _path(self, recipe: Recipe, suffix: str) -> Path:
        folder = self._folder or Path()
        key = hashlib.sha256(json.dumps(recipe.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
        return folder / f"{key}{suffix}"


def require_keepable(model: Any) -> None:
    """Raise `ModelError` where a model's file cannot be loaded again, before anything is trained."""
    try:
        with temporary_folder() as folder, loudness(Loudness.QUIET):
            model.save(folder / "model.keras")
            load_keras(folder / "model.keras")
    except Exception as error:  # of many kinds, from the user's own layers
        raise ModelError(
            "Models of a study and of workers are kept as files, which must load again.",
            received=error.received if isinstance(error, ModelError) else f"{type(error).__name__}: {error}",
            hint="Register classes and functions of your own with register_keras_serializable, or leave study= and "
            "workers= out.",
        ) from None


def facts_of(candidate: Candidate) -> dict[str, Any]:
    """Return what is known of a candidate, but for its file, as JSON has it."""
    found = {one.name: getattr(candidate, one.name) for one in fields(candidate) if one.name != "tflite"}
    return {**found, "recipe": candidate.recipe.to_dict(), "footprint": asdict(candidate.footprint)}


def _candidate(facts: dict[str, Any], tflite: TFLiteModel) -> Candidate:
    pairs = {name: facts[name] and tuple(facts[name]) for name in ("accuracy_interval", "test_interval")}
    parts = {"recipe": Recipe(**facts["recipe"]), "footprint": Footprint(**facts["footprint"])}
    return Candidate(**{**facts, **pairs, **parts}, tflite=tflite)
