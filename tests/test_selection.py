import pytest

from tfcompress.errors import SelectionError
from tfcompress.selection import select


class Conv:
    def __init__(self, name):
        self.name = name


class Dense(Conv):
    pass


PAIRS = [("stem", Conv("stem")), ("block/conv", Conv("conv")), ("block/fc", Dense("fc")), ("head", Dense("head"))]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (None, None, {"stem", "block/conv", "block/fc", "head"}),
        ("stem", None, {"stem"}),
        ("block", None, {"block/conv", "block/fc"}),
        ("conv", None, {"block/conv"}),
        ("block/*", None, {"block/conv", "block/fc"}),
        (Dense, None, {"block/fc", "head"}),
        (lambda layer: layer.name.startswith("h"), None, {"head"}),
        (["stem", Dense], ["head"], {"stem", "block/fc"}),
        (None, "s*", {"block/conv", "block/fc", "head"}),
    ],
)
def test_patterns(include, exclude, expected):
    assert select(PAIRS, include, exclude) == expected


@pytest.mark.parametrize("settings", [{"include": "con"}, {"exclude": "nothing*"}, {"include": int}, {"include": [3]}])
def test_a_pattern_that_matches_nothing_lists_the_names(settings):
    with pytest.raises(SelectionError) as caught:
        select(PAIRS, settings.get("include"), settings.get("exclude"))
    if settings != {"include": [3]}:
        assert "stem, block/conv, block/fc, head" in str(caught.value)
