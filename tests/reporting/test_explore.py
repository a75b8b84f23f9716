"""Model Explorer is given the file and, for the numbers of its ops, what is known of them."""

import json
import sys
from types import SimpleNamespace

import pytest

import tfcompress
from tests.properties.comparisons import net
from tfcompress.comparison.layer_errors import LayerError, LayerErrors
from tfcompress.reporting.explore import node_data

NOISE = LayerErrors((LayerError("second", "FULLY_CONNECTED", 12.5, 3.0, 12.0, 0.5, 0.0),), 10)


def test_each_op_has_what_is_known_of_it():
    found = node_data(net(), NOISE)
    assert {name: data["main"]["results"] for name, data in found.items()} == {
        "SQNR, dB": {"1": {"value": 12.5}},
        "bytes": {"0": {"value": 64}, "1": {"value": 64}},
        "MACs": {"0": {"value": 16}, "1": {"value": 16}},
        "zeros": {"0": {"value": 0.25}, "1": {"value": 0.5}},
    }
    assert "SQNR, dB" not in node_data(net())
    assert all(data["main"]["gradient"][0]["stop"] == 0 for data in found.values())


def test_the_viewer_gets_the_file_and_the_data(monkeypatch):
    """Against a stand-in: the package opens a server and a browser."""
    seen = {}

    class Config:
        def add_model_from_path(self, path):
            with open(path, "rb") as file:
                seen["content"] = file.read()

        def add_node_data(self, name, data):
            seen[name] = json.loads(data)

    shown = []
    monkeypatch.setitem(
        sys.modules, "model_explorer", SimpleNamespace(config=Config, visualize_from_config=shown.append)
    )
    tfcompress.explore(net(), errors=NOISE)
    assert seen["content"] == net().content
    assert seen["SQNR, dB"]["main"]["results"] == {"1": {"value": 12.5}}
    assert len(shown) == 1


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "model_explorer", None)
    with pytest.raises(tfcompress.MissingPackageError, match=r"pip install 'tfcompress\[explorer\]'"):
        tfcompress.explore(net())
