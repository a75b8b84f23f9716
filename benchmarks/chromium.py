"""Pages in a real browser: pictures of them, and what a script in them finds out.

In: HTML. Out: a PNG, or the page as it is after its script has run.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=10000",
    "--run-all-compositor-stages-before-draw",
)  # fmt: skip
SCHEMES = {"dark": 0, "light": 1}
"""By name, the number that Chromium has for a colour scheme."""
NARROWEST = 500
"""Pixels: a window is not narrower, so that a phone is a frame in one."""


def chromium() -> str | None:
    """Return the path of Chromium; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def frame(page: str, width: int, height: int) -> str:
    """Return a frame that shows a page at a width, as a phone does."""
    return f'<iframe srcdoc="{escape(page)}" style="border:0;width:{width}px;height:{height}px"></iframe>'


def picture(page: str, path: Path, width: int, height: int, scheme: str) -> None:
    """Write what a browser shows of a page.

    Args:
        page: HTML.
        path: Ends in .png.
        width: Of the page, in pixels.
        height: As much of it as is shown.
        scheme: "light" or "dark".
    """
    narrow = width < NARROWEST
    shown = f'<!doctype html><body style="margin:0">{frame(page, width, height)}</body>' if narrow else page
    _run(shown, scheme, f"--screenshot={path.resolve()}", f"--window-size={max(width, NARROWEST)},{height}")
    if narrow:
        from PIL import Image

        with Image.open(path) as whole:
            whole.crop((0, 0, width, height)).save(path)


def dump(page: str, scheme: str) -> str:
    """Return a page as it is after its script has run."""
    return _run(page, scheme, "--dump-dom", "--window-size=1600,1200")


def _run(page: str, scheme: str, *flags: str) -> str:
    program = chromium()
    if program is None:
        raise FileNotFoundError("No Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        settings = [f"--user-data-dir={folder}/profile", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"]
        command = [program, *FLAGS, *settings, *flags, path.as_uri()]
        return subprocess.run(command, check=True, capture_output=True, timeout=120, encoding="utf-8").stdout
