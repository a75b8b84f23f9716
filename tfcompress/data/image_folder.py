"""A folder of images becomes samples, decoded one after the other as Keras' own loader does it.

In: a folder and, where the model wants other numbers than 0 to 255, a function for one image. Out: `Images`, which
`tfcompress.data.batches` reads like any other data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, SettingError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
"""What TensorFlow decodes."""


@dataclass(frozen=True)
class Images:
    """The images of a folder, in the order of their paths; made by `tfcompress.images`."""

    paths: tuple[Path, ...]
    size: tuple[int, int] | None = None
    preprocess: Callable[[np.ndarray], Any] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def spread(self, most: int) -> Images:
        """Return `most` images at most, evenly from all, so that none of the subfolders is left out."""
        picked = np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(int)
        return replace(self, paths=tuple(self.paths[index] for index in picked))

    def read(self, specs: Sequence[TensorSpec], what: str) -> Iterator[np.ndarray]:
        """Decode, resize and preprocess one image after the other for a model with these inputs."""
        if len(specs) != 1:
            raise DataError(
                "A folder of images suits a model with one input.",
                received=f"the inputs {', '.join(map(str, specs))}",
                hint="Save arrays by input name with np.savez, or write a generator of dicts.",
            )
        (spec,) = specs
        size, channels = self._form(spec)
        for path in self.paths:
            image = _decode(path, size, channels)
            if self.preprocess is not None:
                yield self._preprocessed(image, path, what)
            else:
                yield np.rint(image) if "int" in spec.dtype else image

    def _form(self, spec: TensorSpec) -> tuple[tuple[int, int], int]:
        channels = spec.shape[-1] if len(spec.shape) == 4 and spec.shape[-1] in (1, 3, 4) else 3
        if self.size is not None:
            return self.size, channels
        height, width = spec.shape[1:3] if len(spec.shape) == 4 else (None, None)
        if height is None or width is None:
            raise DataError(
                "The size of images must be known.",
                received=f"the input {spec}",
                hint="Pass tfcompress.images(folder, size=(height, width)).",
            )
        return (height, width), channels

    def _preprocessed(self, image: np.ndarray, path: Path, what: str) -> np.ndarray:
        try:
            return np.asarray(self.preprocess(image))
        except Exception as error:
            raise DataError(
                f"preprocess must turn one image of shape {image.shape}, float32 from 0 to 255, into one for {what}.",
                received=f"{type(error).__name__} for {path}: {error}",
                hint="Try it on one image: preprocess(np.zeros(shape, 'float32')).",
            ) from error


def images(
    folder: str | PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    preprocess: Callable[[np.ndarray], Any] | None = None,
) -> Images:
    """Take the images of a folder and of its subfolders as data, one in memory at a time.

    They are decoded and resized (bilinear, stretched) as `keras.utils.image_dataset_from_directory` does it, to float32
    values from 0 to 255. Where `convert` reads 1,000 of more, it takes them evenly from all subfolders.

    Args:
        folder: Holds .jpg, .jpeg, .png, .bmp or .gif files, in subfolders or not.
        size: (height, width) to resize to. Default: what the input of the model has.
        preprocess: Called with each image, of shape (height, width, channels); gives what the model takes, such as
            `lambda image: image / 255`. Default: values from 0 to 255 as they are.

    Returns:
        What can be passed as `samples` of `convert` and as `x` of `Runner.predict` and `compare`.

    Raises:
        DataError: no such folder, or no image in it.
        SettingError: size or preprocess is of no use.

    Example:
        >>> samples = tfcompress.images("photos", preprocess=lambda image: image / 255)
        >>> len(samples)
        60
        >>> tflite = tfcompress.convert(model, samples=samples)
    """
    if preprocess is not None and not callable(preprocess):
        raise SettingError("preprocess must be a function of one image.", received=repr(preprocess)[:100])
    if size is not None:
        good = isinstance(size, (tuple, list)) and len(size) == 2
        if not good or not all(isinstance(side, (int, np.integer)) and side > 0 for side in size):
            raise SettingError("size must be (height, width) in pixels.", received=repr(size)[:100])
        size = (int(size[0]), int(size[1]))
    return Images(_paths(folder), size, preprocess)


def _paths(folder: str | PathLike[str]) -> tuple[Path, ...]:
    try:
        if not Path(folder).is_dir():
            raise DataError("The path of a folder of images is needed.", received=str(folder))
        found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    except (OSError, ValueError, TypeError) as error:
        raise DataError("The path of a folder of images is needed.", received=f"{folder!r}: {error}") from error
    if not found:
        raise DataError(
            f"A folder of images must hold {', '.join(sorted(SUFFIXES))} files.",
            received=f"none in {folder} and its subfolders",
        )
    return tuple(found)


def _decode(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    import tensorflow as tf

    try:
        content = path.read_bytes()
        # TensorFlow gives JPEG and PNG the channels that are asked for, GIF and BMP in the ones of the file alone.
        is_fixed = content[:3] == b"GIF" or content[:2] == b"BM" or (channels == 4 and content[:2] == b"\xff\xd8")
        image = tf.io.decode_image(content, channels=0 if is_fixed else channels, expand_animations=False)
        if is_fixed:
            image = _with_channels(image, channels)
    except (OSError, tf.errors.OpError) as error:
        why = getattr(error, "strerror", None) or str(error).splitlines()[0][:200]
        raise DataError(
            "Every image of the folder must be whole and readable.",
            received=f"{path}: {why}",
            hint="Copy it again, or take it out of the folder.",
        ) from error
    return tf.image.resize(image, size).numpy()


def _with_channels(image: Any, channels: int) -> Any:
    """Turn an image of 1, 3 or 4 channels into one of `channels`, as the decoders of JPEG and PNG do."""
    import tensorflow as tf

    found = image.shape[-1]
    if found == channels:
        return image
    color = tf.repeat(image[..., :1], 3, axis=-1) if found < 3 else image[..., :3]
    if channels == 1:
        return tf.image.rgb_to_grayscale(color)
    return color if channels == 3 else tf.concat([color, tf.fill(color[..., :1].shape, tf.cast(255, color.dtype))], -1)
