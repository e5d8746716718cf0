"""`asyncio.Semaphore` and `asyncio.BoundedSemaphore`, call by call, for tasks of any number of event loops, in one
queue.
"""

import sys
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Literal, SupportsIndex

from . import _PermitRequest

__all__ = ["BoundedSemaphore", "Semaphore"]

class Semaphore:
    """`asyncio.Semaphore`, call by call: first come, first served. Release never waits: it raises the value.

    What is more: it is not bound to a loop, `release` may be called from any thread, `n` permits can be asked for at a
    time, and there are `permit` and `close`.

    >>> import asyncio
    >>> from permits.aio import Semaphore
    >>> async def main():
    ...     sem = Semaphore(2)
    ...     async with sem:
    ...         return sem.available
    >>> asyncio.run(main())
    1
    """

    if sys.version_info >= (3, 10):
        def __init__(self, value: SupportsIndex = 1) -> None: ...
    else:
        def __init__(self, value: SupportsIndex = 1, *, loop: object = None) -> None: ...

    def acquire(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """Take n permits: await it. Its result is True.

        Waits while fewer than n are free. Nothing happens before it is awaited, and a wait that is cancelled leaves no
        trace.
        """

    def release(self, n: SupportsIndex = 1) -> None:
        """Return n permits. Does not wait, and may be called from any thread."""

    def locked(self) -> bool:
        """Whether acquire() would have to wait."""

    def permit(self, n: SupportsIndex = 1) -> _PermitRequest:
        """Take n permits that a Permit holds: await it, or use it in `async with`.

        >>> import asyncio
        >>> from permits.aio import Semaphore
        >>> async def main():
        ...     sem = Semaphore(4)
        ...     async with sem.permit(3):
        ...         return sem.available
        >>> asyncio.run(main())
        1
        """

    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def close(self) -> None:
        """Close it for good: whoever waits, and whoever comes later, gets ClosedError. What is out can still come back.
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    @property
    def available(self) -> int:
        """How many permits are free: the value. A reading, not a promise."""

    @property
    def waiting(self) -> int:
        """How many tasks wait."""

    @property
    def _value(self) -> int:
        """The value, by the name that it has in the standard library's class."""

class BoundedSemaphore(Semaphore):
    """`asyncio.BoundedSemaphore`, call by call. A release too many is a ValueError.

    >>> from permits.aio import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: BoundedSemaphore released too many times
    """
