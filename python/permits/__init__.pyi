"""A counting semaphore for threads, asyncio and processes, whose `release` waits too.

Permits are *free*, *held* or *loose*: `max_permits` in all, unless a shrink is still owed. Held ones belong to a `with`
block or to a `Permit`, which return them. Loose ones belong to nobody: a bare `acquire()` makes them, and anybody may
`release()` them.

| class | for | a release too many |
|---|---|---|
| `CountSemaphore` | threads and asyncio, in one queue | waits for the acquire that it belongs to |
| `HostSemaphore` | the processes of this host (Linux) | the same |
| `Semaphore`, `BoundedSemaphore` | in the place of `threading`'s | raises the value; ValueError |
| `aio.Semaphore`, `aio.BoundedSemaphore` | in the place of `asyncio`'s | raises the value; ValueError |
"""

from collections.abc import Coroutine, Generator
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, SupportsFloat, SupportsIndex, final, overload

from typing_extensions import Self, TypeAlias

from . import aio as aio

__all__ = [
    "MAX_PERMITS",
    "BoundedSemaphore",
    "ClosedError",
    "CountSemaphore",
    "HostError",
    "HostSemaphore",
    "Permit",
    "PermitsError",
    "Semaphore",
    "State",
    "TooManyError",
    "WaitTimeoutError",
    "WouldBlockError",
    "aio",
]

# Any number: int, float, Decimal, Fraction, one of numpy.
_Seconds: TypeAlias = SupportsFloat | SupportsIndex

__version__: Final[str]

MAX_PERMITS: Final[int]
"""The most permits that a semaphore can have: 4,194,303."""

class PermitsError(Exception):
    """The base of all errors of this package that are not about arguments."""

class ClosedError(PermitsError):
    """The semaphore is closed.

    Nobody acquires any more, and nothing is waited for.
    """

class TooManyError(PermitsError, ValueError):
    """More permits were asked for at once than the semaphore has.

    Such a request could wait for ever, so it fails at once; or when a shrink makes it impossible.
    """

class WaitTimeoutError(PermitsError, TimeoutError):
    """The time was over before the permits could be had.

    The text tells what both sides wanted then.
    """

class WouldBlockError(PermitsError):
    """The permits cannot be had without waiting."""

class HostError(PermitsError):
    """Something is wrong with a semaphore of this host: its file, its directory, or the system.

    The text says what is wrong, and the way out where there is one. A program tells the cases apart by `kind`.
    """

    def __init__(self, message: str, kind: str) -> None: ...

    kind: str
    """What kind of thing went wrong.

    One of "bad-directory", "bad-file-system", "damaged", "denied", "exhausted", "foreign-format", "gone", "insecure",
    "max-differs", "not-found", "not-ours", "system"; there may be more some day.
    """

class State(NamedTuple):
    """All readings of a semaphore at one instant.

    They are readings, not promises: the next instant may differ.
    """

    max_permits: int
    """How many permits there are."""
    available: int
    """How many are free. 0 while a shrink is still owed."""
    given_out: int
    """How many are not free: the held and the loose ones together."""
    loose: int
    """How many are out and belong to nobody: as many can be released."""
    waiting_acquirers: int
    """How many wait for free permits, threads and tasks."""
    next_acquirer: int
    """How many permits the first of them wants; 0 if nobody waits."""
    waiting_releasers: int
    """How many wait for loose permits, to return them."""
    next_releaser: int
    """How many permits the first of them wants to return; 0 if nobody waits."""
    closed: bool
    """Whether it is closed."""

@final
class Permit:
    """Permits that are held, until this object returns them.

    It returns them when its `with` block ends, by release(), or when it is collected. It may go to another thread or
    task. No release() of the semaphore can return what it holds.

    >>> from permits import CountSemaphore
    >>> sem = CountSemaphore(4)
    >>> with sem.permit(3) as permit:
    ...     permit.count, sem.available
    (3, 1)
    >>> sem.available
    4
    """

    @property
    def count(self) -> int:
        """How many permits it holds; 0 once they are returned or forgotten."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The numbers of its permits, lowest first, if its semaphore is a HostSemaphore opened with numbered=True; else ().

        They go from 0 to one below the number of permits. No two permits of the living have the same, whoever was killed, and
        whoever acquires gets the lowest that are free: for what there is one of for each permit, as a GPU or a port.

        >>> from permits import HostSemaphore
        >>> gpus = HostSemaphore("gpus", 4, directory=directory, numbered=True)
        >>> with gpus.permit() as permit:
        ...     permit.slots
        (0,)
        """

    def release(self) -> None:
        """Return what it holds. Does not wait, and does nothing the second time."""

    def forget(self) -> None:
        """Let go of its permits and leave them given out, as loose ones, which anybody may release().

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(1)
        >>> permit = sem.permit()
        >>> permit.forget()
        >>> sem.loose
        1
        >>> sem.release()
        True
        """

    def split(self, n: SupportsIndex = 1) -> Permit:
        """Split n permits off, into a Permit of their own. ValueError if it holds fewer; it keeps them then.

        >>> from permits import CountSemaphore
        >>> whole = CountSemaphore(4).permit(3)
        >>> part = whole.split(2)
        >>> whole.count, part.count
        (1, 2)
        """

    def merge(self, other: Permit) -> None:
        """Take in the permits of other, which holds none afterwards. ValueError if they are of another semaphore; both
        keep theirs then.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class CountSemaphore:
    """A semaphore for threads and asyncio whose release waits: the count never leaves its bounds, in either direction.

    `permits` is 1 to `MAX_PERMITS`. Threads and tasks, of any number of event loops, wait in the same queue. With
    `fair=True` nobody passes those who wait; without, a running thread may, within a bound, which is a great deal
    faster.

    `with sem:` and `async with sem:` hold one permit, which no bare `release()` can return.

    >>> from permits import CountSemaphore
    >>> sem = CountSemaphore(2)
    >>> with sem:
    ...     sem.available
    1
    >>> sem.release(timeout=0)             # nothing is loose
    False
    """

    def __init__(self, permits: SupportsIndex, *, fair: bool = False) -> None: ...

    # A bool is no count: it is `blocking`, in the order of `threading`.
    @overload
    def acquire(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Take n permits, as loose ones: anybody may release them. Waits while fewer than n are free.

        True if it has them. False if the time was over first, or if blocking is false and it would have to wait.

        The timeout is in seconds: None waits for ever, 0 or less does not wait. acquire(False) and acquire(True, 0.5)
        mean what they mean to threading: a bool is no number of permits.

        The wait ends as well by close() (ClosedError), by a shrink below n (TooManyError), or by an exception of a
        signal handler, such as KeyboardInterrupt. No permit is taken then.
        """

    @overload
    def acquire(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    # As for `acquire`.
    @overload
    def release(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Return n loose permits, whoever took them. Waits while fewer than n are loose.

        True if they are back. False if the time was over first, or if blocking is false and it would have to wait.

        So a release that comes too early waits for the acquire that it belongs to. What a `with` block or a Permit
        holds is not loose. The arguments, and what else can end the wait, are those of acquire(); after close() it
        still returns what is out.

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(1)
        >>> sem.release(blocking=False)
        False
        >>> sem.acquire(), sem.release()
        (True, True)
        """

    @overload
    def release(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    def acquire_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """acquire() for a task: await it. Its result is True.

        Nothing happens before it is awaited, and a wait that is cancelled leaves no trace.
        """

    def release_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """release() for a task: await it. Its result is True.

        Nothing happens before it is awaited, and a wait that is cancelled leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        Waits as acquire() does. WaitTimeoutError when the time is over, WouldBlockError if blocking is false and it
        would have to wait.

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(4)
        >>> with sem.permit(3):
        ...     sem.available
        1
        """

    def permit_async(self, n: SupportsIndex = 1) -> _PermitRequest:
        """permit() for a task: await it, or use it in `async with`.

        >>> import asyncio
        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(4)
        >>> async def main():
        ...     async with sem.permit_async(3) as permit:
        ...         return permit.count, sem.available
        >>> asyncio.run(main())
        (3, 1)
        """

    def __enter__(self) -> Literal[True]: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def close(self) -> None:
        """Close it for good: whoever waits, and whoever comes later, gets ClosedError. What is out can still come back.

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(1)
        >>> sem.acquire()
        True
        >>> sem.close()
        >>> sem.release()
        True
        >>> sem.acquire()
        Traceback (most recent call last):
        permits.ClosedError: the semaphore is closed
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    def resize(self, max_permits: SupportsIndex) -> None:
        """Set the number of permits. Those that are out and too many go as they come back.

        Nobody acquires until then. Whoever waits for more than there are from now on gets TooManyError.

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(4)
        >>> sem.resize(6)
        >>> sem.available
        6
        """

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits. Whoever waits and fits goes ahead."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Take n permits away: free ones now, those that are out as they come back."""

    @property
    def fair(self) -> bool:
        """Whether nobody passes a waiter; otherwise threads do, within a bound."""

    @property
    def max_permits(self) -> int:
        """How many permits there are."""

    @property
    def available(self) -> int:
        """How many permits are free. A reading, not a promise."""

    @property
    def given_out(self) -> int:
        """How many permits are out, held or loose."""

    @property
    def loose(self) -> int:
        """How many permits are out and held by nobody: release() can return these."""

    @property
    def waiting(self) -> int:
        """How many threads and tasks wait, to acquire or to release."""

    @property
    def waiting_acquirers(self) -> int:
        """How many threads and tasks wait to acquire."""

    @property
    def waiting_releasers(self) -> int:
        """How many threads and tasks wait to release."""

    def state(self) -> State:
        """All readings at one instant."""

class Semaphore:
    """`threading.Semaphore`, call by call, for threads and asyncio. Release never waits: it raises the value.

    `value` is 0 to `MAX_PERMITS`. All that `threading` says of its class holds, `with` included, and it can be
    subclassed. What is more: tasks wait for it too, in the same queue; `n` permits at a time, `permit`, `close`, and
    `fair=True` for strict order.

    >>> from permits import Semaphore
    >>> sem = Semaphore(2)
    >>> with sem:
    ...     sem.acquire(blocking=False), sem.acquire(blocking=False)
    (True, False)
    >>> sem.release()
    """

    def __init__(self, value: SupportsIndex = 1, *, fair: bool = False) -> None: ...

    def acquire(
        self, blocking: bool = True, timeout: _Seconds | None = None, *, n: SupportsIndex = 1
    ) -> bool:
        """Take n permits. Waits while fewer than n are free.

        True if it has them. False if the time was over first, or if blocking is false and it would have to wait.

        The wait ends as well by close() (ClosedError), or by an exception of a signal handler, such as
        KeyboardInterrupt. No permit is taken then.
        """

    def release(self, n: SupportsIndex = 1) -> None:
        """Return n permits. Does not wait."""

    def acquire_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """acquire() for a task: await it. Its result is True.

        Nothing happens before it is awaited, and a wait that is cancelled leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        Waits as acquire() does. WaitTimeoutError when the time is over, WouldBlockError if blocking is false and it
        would have to wait.
        """

    def permit_async(self, n: SupportsIndex = 1) -> _PermitRequest:
        """permit() for a task: await it, or use it in `async with`."""

    def __enter__(self) -> bool: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
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
    def fair(self) -> bool:
        """Whether nobody passes a waiter; otherwise threads do, within a bound."""

    @property
    def available(self) -> int:
        """How many permits are free: the value. A reading, not a promise."""

    @property
    def waiting(self) -> int:
        """How many threads and tasks wait to acquire."""

    @property
    def _value(self) -> int:
        """The value, by the name that it has in the standard library's class."""

class BoundedSemaphore(Semaphore):
    """`threading.BoundedSemaphore`, call by call, for threads and asyncio. A release too many is a ValueError.

    >>> from permits import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: Semaphore released too many times
    """

    def resize(self, max_permits: SupportsIndex) -> None:
        """Set the bound. Permits that are out and too many go as they come back."""

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits. Whoever waits and fits goes ahead."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Take n permits away: free ones now, those that are out as they come back."""

    @property
    def max_permits(self) -> int:
        """How many permits there are.

        The value at the start, unless it was resized.
        """

    @property
    def given_out(self) -> int:
        """How many permits are out."""

    @property
    def loose(self) -> int:
        """How many permits are out and held by no Permit."""

    def state(self) -> State:
        """All readings at one instant."""

class HostSemaphore:
    """The semaphore of that name for all processes of this host. Linux.

    Whoever opens the same name in the same directory has the same semaphore: `multiprocessing` workers, other programs,
    the command `permits` of the shell. It is made with `max` permits if there is none; with `max=None` it has to exist.

    *What `with sem:` or a `Permit` holds comes back when the process dies, however it dies.* What a bare `acquire()`
    took is loose, belongs to nobody, and stays out. First come, first served.

    `directory` is by default /run/permits if that exists, else /tmp/permits-UID. `mode` are the permissions of the
    file, by default 0o600: for this user alone; others get both rights or none, as by 0o660 and 0o666. `label` is
    shown to others by `permits status`. With `resize=True` a semaphore that has another number of permits is resized,
    which is an error otherwise.
    With `numbered=True` each permit that a `Permit` holds has a number: see `Permit.slots`.

    With `every=2.0` at most one acquisition is granted in two seconds, whichever process it is of and for however many
    permits, in the order of the queue. The time is stored with the semaphore: without `every` the stored one holds, and
    another one is a HostError of the kind "interval-differs", unless `resize=True`. From 0.001 to 86400 seconds, in
    whole milliseconds; 0 for none.

    It may be used after a fork, and passed to a process that `multiprocessing` spawns.

    >>> from permits import HostSemaphore
    >>> builds = HostSemaphore("builds", 2, directory=directory)
    >>> with builds:
    ...     builds.available
    1
    """

    def __init__(
        self,
        name: str,
        max: SupportsIndex | None = None,
        *,
        directory: str | PathLike[str] | None = None,
        mode: int | None = None,
        label: str | None = None,
        resize: bool = False,
        numbered: bool = False,
        every: _Seconds | None = None,
    ) -> None: ...

    # A bool is no count: it is `blocking`, in the order of `threading`.
    @overload
    def acquire(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Take n permits, as loose ones: anybody may release them. Waits while fewer than n are free.

        *They stay out when this process dies*, however it dies: `with` and permit() take some that come back. For the
        rest it is as CountSemaphore.acquire().
        """

    @overload
    def acquire(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    # As for `acquire`.
    @overload
    def release(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Return n loose permits, whoever took them. Waits while fewer than n are loose.

        Whichever process took them. For the rest it is as CountSemaphore.release().
        """

    @overload
    def release(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    def acquire_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """acquire() for a task: await it. Its result is True.

        Nothing happens before it is awaited, and a wait that is cancelled leaves no trace.
        """

    def release_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """release() for a task: await it. Its result is True.

        Nothing happens before it is awaited, and a wait that is cancelled leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        They come back when this process dies. Waits as acquire() does. WaitTimeoutError when the time is over,
        WouldBlockError if blocking is false and it would have to wait.
        """

    def permit_async(self, n: SupportsIndex = 1) -> _PermitRequest:
        """permit() for a task: await it, or use it in `async with`."""

    def __enter__(self) -> Literal[True]: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def close(self) -> None:
        """Close it for good: whoever waits, and whoever comes later, gets ClosedError. What is out can still come back.

        That is for all processes, and for those too that open that name later.
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed.

        By any process.
        """

    def resize(self, max_permits: SupportsIndex) -> None:
        """Set the number of permits. Those that are out and too many go as they come back.

        For all processes. Otherwise as CountSemaphore.resize().
        """

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits. Whoever waits and fits goes ahead."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Take n permits away: free ones now, those that are out as they come back."""

    @property
    def interval(self) -> float | None:
        """How many seconds two acquisitions are apart at least; None if they are not spaced."""

    def set_interval(self, every: _Seconds) -> None:
        """Set how many seconds two acquisitions are apart at least, for all processes: as `every`; 0 for none.

        Whoever waits for the time of the next one waits for the new time.

        >>> from permits import HostSemaphore
        >>> api = HostSemaphore("api", 3, directory=directory, every=60)
        >>> api.acquire(blocking=False), api.acquire(blocking=False)
        (True, False)
        >>> api.set_interval(0)
        >>> api.acquire(blocking=False), api.interval
        (True, None)
        """

    def unlink(self, force: bool = False) -> None:
        """Remove it with its file, if nothing is out and nobody waits; with force=True in any case.

        A HostError of the kind "in-use" otherwise. What the dead held does not count. After that this object, and all
        that have it open in any process, get a HostError of the kind "gone" when they acquire or wait; whoever opens
        the name makes a new one. So does whoever opens it at the same moment, or it is in use and stays.

        >>> from permits import HostSemaphore
        >>> pr = HostSemaphore("pr-17", 2, directory=directory)
        >>> with pr:
        ...     pr.unlink()
        Traceback (most recent call last):
        permits.HostError: semaphore `pr-17`: it is in use: `1` held
        >>> pr.unlink()
        >>> pr.acquire()  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        permits.HostError: semaphore `pr-17`: it was removed
        """

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """The path of its file."""

    @property
    def max_permits(self) -> int:
        """How many permits there are."""

    @property
    def available(self) -> int:
        """How many permits are free. A reading, not a promise."""

    @property
    def given_out(self) -> int:
        """How many permits are out, held or loose.

        By any process.
        """

    @property
    def loose(self) -> int:
        """How many permits are out and held by nobody: release() can return these."""

    @property
    def waiting(self) -> int:
        """How many threads and tasks wait, to acquire or to release.

        In any process.
        """

    @property
    def waiting_acquirers(self) -> int:
        """How many threads and tasks wait to acquire.

        In any process.
        """

    @property
    def waiting_releasers(self) -> int:
        """How many threads and tasks wait to release.

        In any process.
        """

    def state(self) -> State:
        """All readings at one instant."""

@final
class _PermitRequest(Coroutine[Any, Any, Permit]):
    """What `permit_async` returns: `await` it for a `Permit`, or `async with` it. Nothing happens before."""

    def __await__(self) -> Generator[Any, Any, Permit]: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any: ...
    def close(self) -> None: ...
    async def __aenter__(self) -> Permit: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
