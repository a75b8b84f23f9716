"""Which version of a package is installed."""

from importlib.metadata import version


def older(package: str, than: str) -> bool:
    """Tell whether a package is older than a version of numbers and dots."""
    first, second = ([int(part) for part in text.split(".")[:2]] for text in (version(package), than))
    return first < second
