"""The command `compress` where it is interrupted."""

import os
import signal

import pytest

from tfcompress.cli.compress import _ctrl_c_ends_the_search


def test_ctrl_c_does_not_end_the_process_while_a_search_makes_its_result():
    ended = []
    before = signal.signal(signal.SIGINT, lambda *_: ended.append("process"))
    try:
        with pytest.raises(KeyboardInterrupt), _ctrl_c_ends_the_search():
            os.kill(os.getpid(), signal.SIGINT)
        assert not ended
        os.kill(os.getpid(), signal.SIGINT)
        assert ended == ["process"]
    finally:
        signal.signal(signal.SIGINT, before)
