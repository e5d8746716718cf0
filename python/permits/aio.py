"""In the place of asyncio.Semaphore and asyncio.BoundedSemaphore, for any number of loops in any threads."""

from __future__ import annotations

import sys as _sys
import warnings as _warnings

from . import _permits

__all__ = ["BoundedSemaphore", "Semaphore"]


class Semaphore(_permits.AsyncSemaphore):
    """In the place of asyncio.Semaphore."""

    if _sys.version_info >= (3, 10):

        def __init__(self, value=1):
            self._init(value)

    else:

        def __init__(self, value=1, *, loop=None):
            if loop is not None:
                # asyncio's own says so, and in this version still takes it.
                text = "The loop argument is deprecated since Python 3.8, and is not used here."
                _warnings.warn(text, DeprecationWarning, stacklevel=2)
            self._init(value)


class BoundedSemaphore(_permits.AsyncBoundedSemaphore, Semaphore):
    """In the place of asyncio.BoundedSemaphore."""
