"""A runtime or a target is one file: what is put into its folder is known to the library and to the command line."""

import argparse

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator
from tfcompress.cli import compare as compare_command
from tfcompress.cli.target_argument import add_target
from tfcompress.deployment import target, targets
from tfcompress.plugins import plugins
from tfcompress.runtime import engine, engines

TARGET = """
from tfcompress.deployment.findings import Finding
from tfcompress.deployment.target import Target

def check(tflite):
    rows = [Finding(op.name, "", "No variables.", "Leave them out.") for op in tflite.ops if op.name == "VAR_HANDLE"]
    return rows, {"ops": len(tflite.ops)}

TARGETS = (Target("toaster", asks="its manual", stops="variables", slows="", pruning="nothing", check=check),)
"""

RUNTIME = """
from functools import partial

from tfcompress.runtime.engine import RuntimeSpec
from tfcompress.runtime.engines.litert_engine import LiteRT, LiteRTOnZeros, reference

RUNTIMES = (
    RuntimeSpec(
        "toaster",
        label="the toaster",
        kernels="those of a toaster",
        load=partial(LiteRT, "toaster", reference),
        load_zeros=partial(LiteRTOnZeros, reference),
        runs_here=True,
    ),
)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files are put that the packages of targets and of runtimes find beside their own."""
    for package, listing in ((targets, target.targets), (engines, engine.runtimes)):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / package.__name__)])
        (tmp_path / package.__name__).mkdir()
        listing.cache_clear()
    yield tmp_path
    target.targets.cache_clear()
    engine.runtimes.cache_clear()


def test_a_target_is_one_file(folder):
    (folder / targets.__name__ / "toaster_target.py").write_text(TARGET)
    findings = tfcompress.check(accumulator(1.0), "toaster")
    assert not findings.passed
    assert {row.op for row in findings} == {"VAR_HANDLE"}
    assert findings.facts["ops"] == findings.ops
    with pytest.raises(tfcompress.SettingError, match="'toaster'"):
        tfcompress.check(accumulator(1.0), "kettle")
    parser = argparse.ArgumentParser()
    add_target(parser)
    assert "toaster: its manual" in " ".join(parser.format_help().split())


def test_a_runtime_is_one_file(folder, monkeypatch):
    (folder / engines.__name__ / "toaster_engine.py").write_text(RUNTIME)
    with pytest.raises(tfcompress.SettingError, match="'toaster'"):
        tfcompress.Runner(accumulator(1.0), runtime="kettle")
    loaded = engine.runtime_of("toaster").load(accumulator(1.0), {"x": (1, 2)}, 1, 1)
    (name, x), *_ = ((spec.name, np.ones((3, 2), np.float32)) for spec in accumulator(1.0).inputs)
    (result,) = loaded.run({name: x}).values()
    np.testing.assert_array_equal(result, x + 1)
    parser = argparse.ArgumentParser()
    compare_command.add_comparison(parser)
    assert "toaster: those of a toaster" in " ".join(parser.format_help().split())


def test_names_stand_once_and_those_that_people_use_stay():
    for names, known in (
        ([spec.name for spec in plugins("tfcompress.runtime.engines", "RUNTIMES")], engine.runtimes()),
        ([one.name for one in plugins("tfcompress.deployment.targets", "TARGETS")], target.targets()),
    ):
        assert len(set(names)) == len(names)
        assert set(names) == set(known)
    assert {"litert", "reference", "tflm"} <= set(engine.runtimes())
    assert {"cpu", "gpu", "tflm", "ethos-u55", "ethos-u85"} <= set(target.targets())
