"""The parts of an error."""

import pytest

import tfcompress
from tfcompress.deployment.findings import Finding


@pytest.mark.parametrize(
    "told",
    [tfcompress.DataError("A.", received=1, hint="Pass another."), Finding("ADD", "x", "no kernel", "Leave it.")],
)
def test_what_the_way_out_was_called_before_says_the_new_name(told):
    assert told.hint
    with pytest.raises(AttributeError, match="hint"):
        _ = told.todo
