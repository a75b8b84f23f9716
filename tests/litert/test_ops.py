"""The catalogue of ops: complete for what is converted here, and true to what was measured and to the sources."""

import json
import re
from itertools import groupby
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress
from tests.deployment import test_export_c
from tfcompress.litert import runtimes
from tfcompress.litert.ops.op_catalogue import FAMILIES, OPS, matrix, op_spec

BUILTINS = {name for name in vars(schema.BuiltinOperator) if name.isupper()}
MEASURED = json.loads(Path(runtimes.__file__).with_name("runtimes.json").read_text())
KINDS = [kind for kinds in MEASURED["oldest"].values() for kind in kinds]
"""Every op, version and types of the models that benchmarks/runtimes_corpus.py converts."""
FENCE = Path(test_export_c.__file__).parent.parent / "fence" / "files.json"
"""The ops of the models that tests/fence converts, in four ways each."""
BUILT = sorted(Path(tfcompress.__file__).parent.parent.glob("tflite_models/*.tflite"))


def test_every_op_that_is_converted_here_has_a_row():
    converted = {kind.split()[0] for kind in KINDS}
    for ops in re.findall(r'"ops": "(.*)"', FENCE.read_text()):
        converted |= {*ops.split()}
    for path in BUILT:
        converted |= {op.name for op in tfcompress.load(path).ops if not op.custom}
    assert len(converted) > 60
    assert converted - set(OPS) == set()


def test_each_row_stands_once_and_is_of_an_op_that_there_is():
    names = [spec.name for specs in FAMILIES.values() for spec in specs]
    assert sorted(names) == sorted(OPS)
    assert {spec.name for spec in FAMILIES["custom"]} & BUILTINS == set()
    others = {spec.name for family, specs in FAMILIES.items() if family != "custom" for spec in specs}
    assert others - BUILTINS == {"Convolution2DTransposeBias"}


def test_int16_versions_are_those_that_runtimes_were_measured_to_run():
    kinds = [kind for kind in KINDS if "(int16" in kind and not kind.endswith(("→ int8)", "→ float32)", "→ int32)"))]
    measured = {name: {*rows} for name, rows in groupby(sorted(kinds), lambda kind: kind.split()[0])}
    known = {name: rows for name, rows in measured.items() if op_spec(name).int16}
    assert len(known) > 30
    wrong = {
        name: rows for name, rows in known.items() if not any(f" v{op_spec(name).int16} (" in kind for kind in rows)
    }
    assert wrong == {}


def test_no_int16_version_is_younger_than_the_newest_runtime():
    for spec in OPS.values():
        for version in (spec.int16, spec.int16_border):
            if version is not None:
                assert version <= max(map(int, MEASURED["versions"][spec.name].split())), spec.name


def test_what_has_weights_counts_them():
    for spec in OPS.values():
        if spec.weights:
            assert spec.multiplied == (spec.weights.kernel,), spec.name
            assert spec.macs is not None, spec.name
            assert spec.int16 is not None, spec.name


def test_tflm_has_the_functions_by_which_ops_are_registered():
    header = (test_export_c.STUB / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()
    theirs = set(re.findall(r" (Add\w+)\(", header)) - {"AddCustom"}
    ours = [spec.tflm for spec in OPS.values() if spec.tflm]
    assert len(set(ours)) == len(ours)
    assert theirs - set(ours) == set()


def test_an_op_without_a_row_is_one_that_nothing_is_known_of():
    spec = op_spec("FlexErf")
    assert (spec.name, spec.weights, spec.macs, spec.int16, spec.gpu, spec.tflm) == (
        "FlexErf",
        *[None] * 3,
        False,
        None,
    )


@pytest.mark.parametrize(
    "cells",
    [
        (
            "CONV_2D",
            "yes",
            "yes",
            "v4",
            "v7",
            "own",
            "–",
            "–",
            "–",
            "yes",
            "AddConv2D INT8, INT16, INT4",
            "1",
            "gaps: 1",
        ),
        ("LESS", "–", "–", "in int32 v1", "–", "compared", "–", "–", "–", "yes", "AddLess", "–", "yes"),
        ("SLICE", "–", "–", "v4", "–", "shared", "–", "–", "from input 1", "yes", "AddSlice", "–", "yes"),
        ("QUANTIZE", "–", "–", "border v2", "–", "own", "–", "–", "–", "yes", "AddQuantize", "–", "yes"),
        ("CONCATENATION", "–", "–", "v3", "–", "shared", "all", "parts", "–", "yes", "AddConcatenation", "–", "yes"),
        (
            "POW",
            "–",
            "–",
            "–",
            "–",
            "own",
            "–",
            "–",
            "–",
            "yes",
            "–",
            "–",
            "–",
            "A whole power is a product: x * x; a root is tf.sqrt.",
        ),
    ],
    ids=lambda cells: cells[0],
)
def test_the_matrix_tells_what_is_known(cells):
    rows = [tuple(re.split(r"  +", line)) for line in matrix().splitlines()]
    assert cells in rows
    assert {row[0] for row in rows} >= set(OPS)
