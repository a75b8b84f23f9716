"""The one error family: every mistake a user can make ends in a `TfcompressError`.

In: what is required, what came instead, what to do. Out: one message in that order.
"""

from __future__ import annotations

from tfcompress.printable_names import one_line


class TfcompressError(Exception):
    """Base of all errors that tfcompress raises on purpose.

    Args:
        required: What the call needs, as a sentence.
        received: What it got; printed after "Received:". Default: left out.
        hint: What the user can do now, as a sentence. Default: left out.

    Example:
        >>> print(tfcompress.TfcompressError("A number is needed.", received="'x'", hint="Pass a number."))
        A number is needed. Received: 'x'. Pass a number.
    """

    def __init__(self, required: str, *, received: object = None, hint: str = "") -> None:
        self.required = required
        self.received = received
        self.hint = hint
        parts = [required, "" if received is None else f"Received: {received}.", hint]
        super().__init__(one_line(" ".join(part for part in parts if part)))

    @property
    def todo(self) -> str:
        """Say what this is called now."""
        raise AttributeError("An error's `todo` is called `hint` now.")

    def __reduce__(self) -> tuple:
        """Keep the three parts when an error crosses a process border."""
        return (_rebuild, (type(self), self.required, self.received, self.hint))


def _rebuild(kind: type[TfcompressError], required: str, received: object, hint: str) -> TfcompressError:
    return kind(required, received=received, hint=hint)


class ModelError(TfcompressError):
    """The object or file is no Keras model that this call can use."""


class DataError(TfcompressError):
    """Samples, inputs or labels do not fit the model, or hold no usable numbers."""


class SettingError(TfcompressError):
    """An argument has a value that is unknown or contradicts another."""


class SelectionError(TfcompressError):
    """An `include` or `exclude` pattern selects nothing."""


class PruningError(TfcompressError):
    """A pruning schedule cannot do, or did not do, what was asked."""


class ClusteringError(TfcompressError):
    """Kernels cannot hold, or do not hold, the few values that clustering leaves them."""


class QuantizationError(TfcompressError):
    """A model cannot be made quantization-aware as asked."""


class ConversionError(TfcompressError):
    """The converter failed, or its file is not what was asked for."""


class FileError(TfcompressError):
    """A path cannot be read or written, or a file is damaged."""


class RunError(TfcompressError):
    """A runtime refuses a file or fails while it runs it."""


class MissingPackageError(TfcompressError):
    """An optional package is not installed; the message holds the pip line."""


class TfcompressWarning(UserWarning):
    """Something works, but probably not as the user hopes."""
