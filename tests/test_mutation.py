"""What `make mutate` is told still holds: its modules are there, and so are the lines that have a reason to survive."""

from configparser import ConfigParser

import pytest

from tests.mutation import ROOT, Change, by_hand


@pytest.mark.parametrize("config", ["setup.cfg", "tests/mutation_tensorflow.cfg"])
def test_every_module_to_change_is_there(config):
    parser = ConfigParser()
    parser.read(ROOT / config)
    modules = parser.get("mutmut", "only_mutate").split()
    assert [module for module in modules if not [*ROOT.glob(module)]] == []


def test_every_line_with_a_reason_still_stands_in_its_module():
    given = [*by_hand()]
    assert given
    stale = [f"{module}: {code}" for module, code, _ in given if code not in _text(module)]
    assert stale == [], "change tests/survivors.txt as well"


def _text(module):
    return " ".join((ROOT / module).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("before", "after", "form"),
    [
        ('raise Error("a word")', 'raise Error("XXa wordXX")', "wording"),
        ('raise Error("a word", size)', 'raise Error("a word", None)', ""),
        ("for a, b in zip(c, d, strict=True):", "for a, b in zip(c, d, strict=False):", "strict"),
        ("x = y.reshape(len(y), -1)", "x = y.reshape(len(y), -2)", "size"),
        ("x = y.reshape(-1, size)", "x = y.reshape(-2, size)", "size"),
        ("shape[axis] = -1", "shape[axis] = -2", "size"),
        ("x = y[-1]", "x = y[-2]", ""),
        ("received=repr(x)[:200])", "received=repr(x)[:201])", "cut"),
        ("x = y.astype(np.float64)", "x = y.astype(None)", "default"),
        ("x = a + b", "x = a - b", ""),
    ],
)
def test_a_change_that_does_nothing_is_told_by_its_form(before, after, form):
    assert Change("tfcompress/a.py", before, after).form == form
