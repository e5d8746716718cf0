"""`asyncio.Semaphore` and `asyncio.BoundedSemaphore`, call by call, for tasks of any number of event loops, in one
queue.
"""

from __future__ import annotations

import sys as _sys
import warnings as _warnings

from . import _permits

__all__ = ["BoundedSemaphore", "Semaphore"]


class Semaphore(_permits.AsyncSemaphore):
    """`asyncio.Semaphore`, call by call: first come, first served. Release never waits: it raises the value.

    In addition, it is not bound to a loop, you may call `release` from any thread, `acquire` takes `n`
    permits at a time, and it has `permit` and `close`.

    >>> import asyncio
    >>> from permits.aio import Semaphore
    >>> async def main():
    ...     sem = Semaphore(2)
    ...     async with sem:
    ...         return sem.available
    >>> asyncio.run(main())
    1
    """

    if _sys.version_info >= (3, 10):

        def __init__(self, value=1):
            """Make one with `value` permits free."""
            self._init(value)

    else:

        def __init__(self, value=1, *, loop=None):
            """Make one with `value` permits free."""
            if loop is not None:
                # asyncio's own says so, and in this version still takes it.
                text = "The loop argument is deprecated since Python 3.8, and is not used here."
                _warnings.warn(text, DeprecationWarning, stacklevel=2)
            self._init(value)

    def __init_subclass__(cls, **named):
        super().__init_subclass__(**named)
        # asyncio's `async with` calls self.acquire() and self.release(): overrides are used there too.
        if cls.acquire is not Semaphore.acquire and cls.__aenter__ is Semaphore.__aenter__:
            cls.__aenter__ = _enter_by_acquire
        if cls.release is not Semaphore.release and cls.__aexit__ is Semaphore.__aexit__:
            cls.__aexit__ = _exit_by_release


async def _enter_by_acquire(self):
    await self.acquire()


async def _exit_by_release(self, exc_type, exc, tb):
    self.release()


class BoundedSemaphore(_permits.AsyncBoundedSemaphore, Semaphore):
    """`asyncio.BoundedSemaphore`, call by call. One release too many raises ValueError.

    >>> from permits.aio import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: BoundedSemaphore released too many times
    """
