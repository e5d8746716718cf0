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

    if sys.version_info >= (3, 10):
        def __init__(self, value: SupportsIndex = 1) -> None: ...
    else:
        def __init__(self, value: SupportsIndex = 1, *, loop: object = None) -> None: ...

    def acquire(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """Take n permits: await it. Its result is True.

        Waits while fewer than n are free. It does nothing before it is awaited, and a cancelled wait leaves
        no trace.
        """

    def release(self, n: SupportsIndex = 1) -> None:
        """Return n permits. Never waits; you may call it from any thread."""

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
        """Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can
        still come back.
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
        """The value, by its name in the standard library's class."""

class BoundedSemaphore(Semaphore):
    """`asyncio.BoundedSemaphore`, call by call. One release too many raises ValueError.

    >>> from permits.aio import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: BoundedSemaphore released too many times
    """
