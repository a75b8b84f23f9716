"""A recipe: everything that decides which file comes out of a model and its data.

In: choices of a search, or a .json file. Out: a `Recipe`, which is written as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tfcompress import files
from tfcompress.choices import require_choice
from tfcompress.errors import FileError, SettingError
from tfcompress.typing import StrPath

FORMAT = 1
"""Of the .json file; one that is newer is refused."""
ROOM = 256
"""Bytes that a file may take beyond what was measured before training: its manifest tells more then."""
ROUND_TO = 4
"""Numbers of channels are multiples of this, as kernels like them."""
FLOAT_SHARE = 2 / 3
"""Of the epochs of a recipe that first changes the float model and then trains it quantized."""


@dataclass(frozen=True)
class Recipe:
    """How one file is made; the same recipe, data, versions and number of threads give the same file."""

    quantization: Literal["int8", "int8x4", "int16x8"] = "int8"
    flash: int | None = None
    """Bytes under which layers of an "int8x4" file keep 8 bits; None for those that keep them by default."""
    macs: float | None = None
    """The share of multiply-accumulates that stays, by taking channels out; None for all."""
    sparsity: float | None = None
    """The share of weights that become zero; the file is packed then. None for no pruning."""
    clusters: int | None = None
    """How many values a kernel may have; the file is packed then. None for no clustering."""
    trained: bool = False
    """Quantization-aware training, or calibration and learned rounding."""
    epochs: int = 0
    """Of all training, with the float model as teacher."""
    learning_rate: float = 1e-3
    """Where it begins; it falls to zero over each training as a cosine. Not used with a `compile` of the user's own."""
    seed: int = 0

    @property
    def changes_float(self) -> bool:
        """Whether the float model is changed before it is quantized, which takes training."""
        return self.macs is not None or self.sparsity is not None or self.clusters is not None

    @property
    def packed(self) -> bool:
        """Whether the file is packed, for TFLM's op DECODE."""
        return self.sparsity is not None or self.clusters is not None

    @property
    def float_epochs(self) -> int:
        """Epochs before quantization."""
        if not self.changes_float:
            return 0 if self.trained else self.epochs
        return max(1, round(FLOAT_SHARE * self.epochs)) if self.trained and self.epochs > 1 else self.epochs

    @property
    def quantized_epochs(self) -> int:
        """Epochs of quantization-aware training."""
        return self.epochs - self.float_epochs if self.trained else 0

    @property
    def way(self) -> str:
        """How it compresses, in words, whatever training it gets."""
        parts = [self.quantization]
        if self.flash is not None and self.quantization == "int8x4":
            parts.append(f"bits by layer under {self.flash:,} bytes")
        if self.macs is not None:
            parts.append(f"{self.macs:.0%} of MACs")
        if self.sparsity is not None:
            parts.append(f"{self.sparsity:.0%} zeros")
        if self.clusters is not None:
            parts.append(f"{self.clusters} values a kernel")
        return ", ".join(parts)

    def __str__(self) -> str:
        parts = [self.way]
        parts.append(f"trained {_told(self.quantized_epochs)}" if self.quantized_epochs else "calibrated")
        if self.float_epochs:
            parts.append(f"after {_told(self.float_epochs)} in float")
        return ", ".join(parts)

    @property
    def recovers(self) -> bool:
        """Whether rounding is learned: in calibrated files of models that are not trained, where it gains most."""
        return not self.epochs and self.quantization != "int16x8"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that fields make.

        Raises:
            SettingError: a field that there is not, or a value of another type.
        """
        known = {one.name for one in fields(cls)}
        strange = [name for name in values if name not in known]
        if strange:
            raise SettingError("A recipe has only known fields.", received=", ".join(map(repr, strange)))
        recipe = cls(**values)
        require_choice(recipe.quantization, ("int8", "int8x4", "int16x8"), "quantization")
        for name in ("epochs", "seed", "learning_rate", "flash", "macs", "sparsity", "clusters"):
            value = getattr(recipe, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise SettingError(f"A recipe's {name} must be a number.", received=repr(value))
        if recipe.packed and not recipe.float_epochs:
            raise SettingError("Zeros and clusters come by training.", received=f"{recipe.way}, epochs={recipe.epochs}")
        return recipe


def _told(epochs: int) -> str:
    return f"{epochs} epoch{'s' * (epochs != 1)}"


def save(path: StrPath, recipe: Recipe, origin: Mapping[str, Any]) -> Path:
    """Write a recipe as JSON, with what it was made on: versions, threads, checksums of model and file."""
    text = json.dumps({"format": FORMAT, "recipe": recipe.to_dict(), "origin": dict(origin)}, indent=2) + "\n"
    return files.write(path, text)


def load(path: StrPath) -> tuple[Recipe, dict[str, Any]]:
    """Read a recipe and what it was made on.

    Raises:
        FileError: no such file, or no recipe in it.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found["format"] > FORMAT:
            raise FileError(
                "The recipe must be of this version.", received=f"format {found['format']}", hint="Update tfcompress."
            )
        return Recipe.of(found["recipe"]), dict(found["origin"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileError("A recipe is a .json file that compress wrote.", received=f"{path}: {error}") from None
