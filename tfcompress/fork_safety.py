"""Whether this process is a fork of one in which TensorFlow had started, whose threads it would wait for without end.

In: nothing. Out: an error in such a fork. What tfcompress starts itself begins anew in a fork and needs none.
"""

from __future__ import annotations

import os
import sys

from tfcompress.errors import ModelError

_lost_tensorflow = False


def require_tensorflow_threads() -> None:
    """Raise `ModelError` in a fork that has TensorFlow without its threads; call it before work that needs them."""
    if _lost_tensorflow:
        raise ModelError(
            "TensorFlow does not survive a fork: its threads stay behind, and a model would never answer.",
            received="a process that was forked after TensorFlow had started",
            hint="Start processes with multiprocessing.get_context('spawn'), or fork before the first model is built. "
            "Runner, check and quantize work in a fork.",
        )


def _look() -> None:
    global _lost_tensorflow
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    _lost_tensorflow = _lost_tensorflow or bool(getattr(context, "_initialized", context is not None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_look)
