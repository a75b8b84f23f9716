"""What a user gets: the wheel holds every file, and works in an empty environment where pip alone put it."""

import configparser
import shutil
import subprocess
import venv
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tfcompress"


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_file_of_the_package_is_in_the_wheel():
    patterns = setup()["options.package_data"]["tfcompress"].replace(",", " ").split()
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_file()]
    left_out = [
        name
        for name in files
        if not name.endswith((".py", ".pyc")) and not any(fnmatch(name, pattern) for pattern in patterns)
    ]
    assert left_out == []


def test_all_is_what_users_may_add():
    """The other extras are for tests, docs and development."""
    extras = {name: {*lines.split("\n")} - {""} for name, lines in setup()["options.extras_require"].items()}
    users = extras.keys() - {"all", "test", "docs", "dev"}
    assert extras["all"] == set().union(*(extras[name] for name in users))


def test_every_public_name_is_in_the_reference():
    import tfcompress

    page = (ROOT / "docs" / "reference.md").read_text()
    told = {*page.replace("::: tfcompress.", "\n@").split("\n")}
    errors = {name for name in tfcompress.__all__ if name.endswith(("Error", "Warning"))}
    assert {name for name in tfcompress.__all__ if f"@{name}" not in told} - errors == {"tfmot"}


@pytest.mark.slow
def test_the_wheel_in_an_empty_environment_runs_the_command_and_the_first_notebook(tmp_path):
    pytest.importorskip("nbclient")
    from examples.run_notebooks import run

    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--quiet"]
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(".*", "build", "mutants"))
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("tfcompress-*.whl")
    subprocess.run([*pip, "install", str(wheel)], check=True)
    command = subprocess.run(
        [str(tmp_path / "env" / "bin" / "tfcompress"), "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "convert" in command.stdout
    subprocess.run([*pip, "install", "ipykernel", "scikit-learn"], check=True)
    notebook = run(ROOT / "docs" / "notebooks" / "first_int8_file.ipynb", str(python))
    assert "passed" in str(notebook.cells)
