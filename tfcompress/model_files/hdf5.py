"""An HDF5 file of weights is checked before anything is read from it.

In: an open HDF5 file. Out: nothing, or an error. What Keras writes are groups, links within the file and datasets that
are stored in it; HDF5 knows more, such as data in other files, which a hostile file uses to read what is not its own.
"""

from __future__ import annotations

from typing import Any

from tfcompress.errors import ModelError
from tfcompress.printable_names import printable

MAX_OBJECTS = 500_000
MAX_RATIO = 100
"""How much smaller than its content a file may be: weights of zeros shrink about 20 times, other weights hardly."""

ALWAYS_FINE = 256 * 2**20
"""Up to this many bytes nobody asks how small the file was."""

FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""gzip, shuffle, fletcher32, szip, nbit, scale-offset, lzf; other numbers load plugins."""


def require_own_data(file: Any, name: str, stored: int) -> None:
    """Raise `ModelError` unless all data of an HDF5 file is in it, and of a size that suits the file.

    Args:
        file: An open `h5py.File`.
        name: What the file is called in the error.
        stored: Bytes of the file.
    """
    import h5py

    seen: set[Any] = set()
    waiting: list[tuple[str, Any]] = [("", file)]
    declared = 0
    while waiting:
        path, item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > MAX_OBJECTS:
            raise _refused(name, f"more than {MAX_OBJECTS:,} objects")
        if isinstance(item, h5py.Dataset):
            declared += item.size * item.dtype.itemsize if item.size else 0
            _require_inside(name, path, item)
            require_ratio(declared, stored, name)
        elif isinstance(item, h5py.Group):
            waiting.extend((f"{path}/{key}", item[key]) for key in item if _is_hard_link(name, item, path, key))


def require_ratio(declared: int, stored: int, name: str) -> None:
    """Raise `ModelError` where so few bytes hold so many that they were made to fill the memory."""
    if declared > max(ALWAYS_FINE, MAX_RATIO * stored):
        raise _refused(name, f"{declared:,} bytes packed into {stored:,}")


def _is_hard_link(name: str, group: Any, path: str, key: str) -> bool:
    import h5py

    kind = group.id.links.get_info(key.encode("utf-8", "surrogateescape")).type
    if kind == h5py.h5l.TYPE_SOFT:  # within the file: where it leads to is found on another way
        return False
    if kind != h5py.h5l.TYPE_HARD:
        raise _refused(name, f"a link to another file at {printable(path)}/{printable(key)}")
    return True


def _require_inside(name: str, path: str, dataset: Any) -> None:
    plan = dataset.id.get_create_plist()
    if plan.get_external_count():
        raise _refused(name, f"the data of {printable(path)} in another file")
    if dataset.is_virtual:
        raise _refused(name, f"a virtual dataset at {printable(path)}")
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    if not FILTERS.issuperset(filters):
        raise _refused(name, f"a filter of another program at {printable(path)}")


def _refused(name: str, found: str) -> ModelError:
    return ModelError(
        "A model file must hold its own weights, and no more of them than its size allows.",
        received=f"{name} with {found}",
        hint="Keras writes no such file: load it in your own code if you trust it, and pass the model object.",
    )
