"""What the tests of threads and tasks together share."""

from __future__ import annotations

import contextlib

from helpers_async import LoopThread


@contextlib.contextmanager
def two_loops():
    with LoopThread() as one, LoopThread() as other:
        yield one, other
