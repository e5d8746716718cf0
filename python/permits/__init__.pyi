"""A counting semaphore for threads, asyncio, processes and machines, whose `release` waits too.

Permits are *free*, *held* or *loose*: `max_permits` in all, unless a shrink is still owed. Held permits
belong to a `with` block or to a `Permit`, which return them. Loose permits have no owner: a bare `acquire()`
takes them, and any thread, task or process may `release()` them.

| class | for | one release too many |
|---|---|---|
| `CountSemaphore` | threads and asyncio, in one queue | waits for its acquire |
| `HostSemaphore` | the processes of this host (Linux) | the same |
| `EtcdSemaphore`, made by `connect` | machines, on etcd (Linux) | the same |
| `Semaphore`, `BoundedSemaphore` | drop-in replacements for `threading`'s | raises the value; ValueError |
| `aio.Semaphore`, `aio.BoundedSemaphore` | drop-in replacements for `asyncio`'s | raises the value; ValueError |
"""

from collections.abc import Coroutine, Generator
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, SupportsFloat, SupportsIndex, final, overload, type_check_only

from typing_extensions import Self, TypeAlias

from . import aio as aio
from ._machines import EtcdSemaphore as EtcdSemaphore
from ._machines import connect as connect

__all__ = [
    "MAX_PERMITS",
    "BoundedSemaphore",
    "ClosedError",
    "CountSemaphore",
    "DeniedError",
    "EtcdError",
    "EtcdSemaphore",
    "HostError",
    "HostSemaphore",
    "LostError",
    "Permit",
    "PermitsError",
    "Semaphore",
    "State",
    "TooManyError",
    "UnreachableError",
    "WaitTimeoutError",
    "WouldBlockError",
    "aio",
    "connect",
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

    No acquire succeeds any more, and no call waits.
    """

class TooManyError(PermitsError, ValueError):
    """The call asked for more permits at once than the semaphore has.

    Such a request could wait without end, so it fails at once; a waiting one fails when a shrink makes it
    impossible.
    """

class WaitTimeoutError(PermitsError, TimeoutError):
    """The wait timed out before the permits were granted.

    The text says what both sides were waiting for.
    """

class WouldBlockError(PermitsError):
    """The call would have to wait for the permits."""

class HostError(PermitsError):
    """Something is wrong with a semaphore of this host: its file, its directory, or the system.

    The text says what is wrong, and the way out if there is one. A program can tell the cases apart by
    `kind`.
    """

    def __init__(self, message: str, kind: str) -> None: ...

    kind: str
    """The kind of the error.

    One of "bad-directory", "bad-file-system", "damaged", "denied", "exhausted", "foreign-format", "gone",
    "insecure", "max-differs", "not-found", "not-ours", "system"; later versions may add more.
    """

class EtcdError(PermitsError):
    """Something is wrong with a semaphore of machines: its servers, its keys, or how they are used.

    The text says what is wrong, and the way out if there is one. A program can tell the cases apart by the
    class, and by `kind`.
    """

    def __init__(self, message: str, kind: str) -> None: ...

    kind: str
    """The kind of the error.

    One of "damaged", "denied", "exhausted", "foreign-format", "gone", "lost", "max-differs", "not-found",
    "not-ours", "system", "unreachable"; later versions may add more.
    """

class LostError(EtcdError):
    """The permits were lost before they came back.

    No server could renew their lease in time, or another client has revoked them. Other holders may have
    them already.
    """

class UnreachableError(EtcdError):
    """No server answers, or not in time.

    A wait for permits without a timeout waits on instead.
    """

class DeniedError(EtcdError):
    """The servers refuse the user, or what the user asks for."""

class State(NamedTuple):
    """All readings of a semaphore at one instant.

    They are readings, not promises: the state may change at the next instant.
    """

    max_permits: int
    """How many permits there are."""
    available: int
    """How many are free. 0 while a shrink is still owed."""
    given_out: int
    """How many are out, held or loose."""
    loose: int
    """How many are out and have no owner: release() can return these."""
    waiting_acquirers: int
    """How many threads and tasks wait for free permits."""
    next_acquirer: int
    """How many permits the first of them asks for; 0 if the queue is empty."""
    waiting_releasers: int
    """How many threads and tasks wait for loose permits, to return them."""
    next_releaser: int
    """How many permits the first of them wants to return; 0 if the queue is empty."""
    closed: bool
    """Whether it is closed."""

@final
class Permit:
    """An object that holds permits until it returns them.

    It returns them when its `with` block ends, by release(), or when it is collected. You may pass it to
    another thread or task. No release() of the semaphore can return its permits.

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

        They go from 0 to one below the number of permits. No two permits of live holders have the same
        number, even after a holder was killed, and an acquire gets the lowest free numbers. Use them to
        choose among GPUs or ports, for instance.

        >>> from permits import HostSemaphore
        >>> gpus = HostSemaphore("gpus", 4, directory=directory, numbered=True)
        >>> with gpus.permit() as permit:
        ...     permit.slots
        (0,)
        """

    @property
    def token(self) -> int | None:
        """The fencing token of its grant; None unless its semaphore is an EtcdSemaphore.

        It is greater than that of every earlier grant of the semaphore, over all machines. Let what the
        permit protects keep the greatest token that it has seen, and refuse smaller ones.
        """

    @property
    def remaining(self) -> float | None:
        """For how many seconds it holds its permits for certain, if the lease is not renewed; None unless its semaphore is an EtcdSemaphore.

        0 if they are lost. The lease is renewed five times in the length of its `ttl`, so this goes up again.
        """

    def lost(self) -> bool:
        """Whether the permits are lost. Only those of an EtcdSemaphore can be.

        Look before each use of what they protect: it is true before another process can have them, as far as
        the clock of this machine allows. It asks no server.
        """

    def lost_async(self) -> Coroutine[Any, Any, Literal[True]]:
        """For a task: await it. It ends once the permits are lost, with the result True.

        It does not hold the permits: when they are returned it goes on waiting, so cancel it. ValueError if
        it holds none.

        >>> import asyncio
        >>> from permits import CountSemaphore
        >>> async def work(permit):
        ...     return permit.count
        >>> async def main():
        ...     async with CountSemaphore(1).permit_async() as permit:
        ...         working, lost = asyncio.create_task(work(permit)), asyncio.create_task(permit.lost_async())
        ...         await asyncio.wait({working, lost}, return_when=asyncio.FIRST_COMPLETED)
        ...         (working if lost.done() else lost).cancel()
        ...         return await working
        >>> asyncio.run(main())
        1
        """

    def release(self) -> None:
        """Return the permits. Never waits; a second call does nothing. Raises LostError if they were lost before.

        So does the end of its `with` block, unless the block ends by an exception of its own.
        """

    def forget(self) -> None:
        """Drop the permits and leave them given out, as loose ones, which any caller may release().

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
        """Split n permits off, into a Permit of their own. ValueError if it holds fewer; then it keeps them.

        >>> from permits import CountSemaphore
        >>> whole = CountSemaphore(4).permit(3)
        >>> part = whole.split(2)
        >>> whole.count, part.count
        (1, 2)
        """

    def merge(self, other: Permit) -> None:
        """Take the permits of other, which holds none afterwards. ValueError if they belong to another
        semaphore; then both keep theirs.
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

    `permits` is 1 to `MAX_PERMITS`. Threads and tasks, of any number of event loops, wait in the same queue.
    With `fair=True` no thread passes a waiter; without, a running thread may, within a bound, which is much
    faster.

    `with sem:` and `async with sem:` hold one permit, which no bare `release()` can return.

    With PERMITS_CHECK=1 in the environment when it is made, a thread or task that would wait for its own release gets a
    RuntimeError, which names the line that acquired what it holds.

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
        """Take n permits, as loose ones, which any caller may release. Waits while fewer than n are free.

        Returns True once it has them, False if the wait times out, or if blocking is false and it would have
        to wait.

        The timeout is in seconds: None waits without a limit, 0 or less does not wait. acquire(False) and
        acquire(True, 0.5) mean the same as in threading: a bool is not a number of permits.

        These also end the wait, and then it takes no permit: close() (ClosedError), a shrink below n
        (TooManyError), and an exception of a signal handler, such as KeyboardInterrupt.
        """

    @overload
    def acquire(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    # As for `acquire`.
    @overload
    def release(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Return n loose permits, which any caller may have taken. Waits while fewer than n are loose.

        Returns True once they are back, False if the wait times out, or if blocking is false and it would
        have to wait.

        So a release that comes too early waits for its acquire. Permits that a `with` block or a Permit holds
        are not loose. The arguments, and what else can end the wait, are those of acquire(); after close() it
        still returns permits that are out.

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

        It does nothing before it is awaited, and a cancelled wait leaves no trace.
        """

    def release_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """release() for a task: await it. Its result is True.

        It does nothing before it is awaited, and a cancelled wait leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        Waits as acquire() does. Raises WaitTimeoutError if the wait times out, WouldBlockError if blocking is
        false and it would have to wait.

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
        """Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can
        still come back.

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
        """Set the number of permits. If too many are out, they are retired as they come back.

        Until then no acquire succeeds. A waiter that asks for more than there are now gets TooManyError.

        >>> from permits import CountSemaphore
        >>> sem = CountSemaphore(4)
        >>> sem.resize(6)
        >>> sem.available
        6
        """

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits, and serve waiters with them at once."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Remove n permits: free ones now, those that are out as they come back."""

    @property
    def fair(self) -> bool:
        """Whether the order is strict; otherwise threads may pass waiters, within a bound."""

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
        """How many permits are out and have no owner: release() can return these."""

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

    `value` is 0 to `MAX_PERMITS`. All that `threading` says of its class holds, including `with`, and it can
    be subclassed. In addition, tasks can wait for it, in the same queue; and it has `n` permits at a time,
    `permit`, `close`, and `fair=True` for strict order.

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

        Returns True once it has them, False if the wait times out, or if blocking is false and it would have
        to wait.

        These also end the wait, and then it takes no permit: close() (ClosedError), and an exception of a
        signal handler, such as KeyboardInterrupt.
        """

    def release(self, n: SupportsIndex = 1) -> None:
        """Return n permits. Never waits."""

    def acquire_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """acquire() for a task: await it. Its result is True.

        It does nothing before it is awaited, and a cancelled wait leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        Waits as acquire() does. Raises WaitTimeoutError if the wait times out, WouldBlockError if blocking is
        false and it would have to wait.
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
        """Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can
        still come back.
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    @property
    def fair(self) -> bool:
        """Whether the order is strict; otherwise threads may pass waiters, within a bound."""

    @property
    def available(self) -> int:
        """How many permits are free: the value. A reading, not a promise."""

    @property
    def waiting(self) -> int:
        """How many threads and tasks wait to acquire."""

    @property
    def _value(self) -> int:
        """The value, by its name in the standard library's class."""

class BoundedSemaphore(Semaphore):
    """`threading.BoundedSemaphore`, call by call, for threads and asyncio. One release too many raises
    ValueError.

    >>> from permits import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: Semaphore released too many times
    """

    def resize(self, max_permits: SupportsIndex) -> None:
        """Set the bound. If too many permits are out, they are retired as they come back."""

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits, and serve waiters with them at once."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Remove n permits: free ones now, those that are out as they come back."""

    @property
    def max_permits(self) -> int:
        """How many permits there are.

        The initial value, unless it was resized.
        """

    @property
    def given_out(self) -> int:
        """How many permits are out."""

    @property
    def loose(self) -> int:
        """How many permits are out and held by no Permit."""

    def state(self) -> State:
        """All readings at one instant."""

@type_check_only
class _Shared:
    """What all processes share that open it: on a host by its name, or over machines by its address."""

    # A bool is no count: it is `blocking`, in the order of `threading`.
    @overload
    def acquire(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Take n permits, as loose ones, which any caller may release. Waits while fewer than n are free.

        *They stay out when this process dies*, however it dies; permits that `with` and permit() take come
        back. Otherwise as CountSemaphore.acquire().
        """

    @overload
    def acquire(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    # As for `acquire`.
    @overload
    def release(self, n: bool, timeout: _Seconds | None = None, /) -> bool:
        """Return n loose permits, which any caller may have taken. Waits while fewer than n are loose.

        Any process may have taken them. Otherwise as CountSemaphore.release().
        """

    @overload
    def release(self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True) -> bool: ...

    def acquire_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """acquire() for a task: await it. Its result is True.

        It does nothing before it is awaited, and a cancelled wait leaves no trace.
        """

    def release_async(self, n: SupportsIndex = 1) -> Coroutine[Any, Any, Literal[True]]:
        """release() for a task: await it. Its result is True.

        It does nothing before it is awaited, and a cancelled wait leaves no trace.
        """

    def permit(
        self, n: SupportsIndex = 1, timeout: _Seconds | None = None, *, blocking: bool = True
    ) -> Permit:
        """Take n permits that the returned Permit holds: no release() can return them.

        They come back when this process dies. Waits as acquire() does. Raises WaitTimeoutError if the wait
        times out, WouldBlockError if blocking is false and it would have to wait.
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
        """Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can
        still come back.

        This holds for all processes, including those that open it later.
        """

    @property
    def closed(self) -> bool:
        """Whether it was closed.

        By any process.
        """

    def resize(self, max_permits: SupportsIndex) -> None:
        """Set the number of permits. If too many are out, they are retired as they come back.

        For all processes. Otherwise as CountSemaphore.resize().
        """

    def grow(self, n: SupportsIndex = 1) -> None:
        """Add n permits, and serve waiters with them at once."""

    def shrink(self, n: SupportsIndex = 1) -> None:
        """Remove n permits: free ones now, those that are out as they come back."""

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
        """How many permits are out and have no owner: release() can return these."""

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

class HostSemaphore(_Shared):
    """A semaphore, shared by its name, for all processes of this host. Linux only.

    All that open the same name in the same directory share the semaphore: `multiprocessing` workers, other
    programs, the command `permits` of the shell. If there is none, it is created with `max` permits; with
    `max=None` it must exist.

    *Permits that `with sem:` or a `Permit` holds come back when the process dies, however it dies.* Permits
    that a bare `acquire()` took are loose, have no owner, and stay out. First come, first served.

    `directory` is by default /run/permits if that exists, otherwise /tmp/permits-UID. `mode` sets the
    permissions of a new file, by default 0o600: for this user alone; others get read and write permission, or
    none, as by 0o660 and 0o666. `permits status` shows `label` to others. With `resize=True` a semaphore that
    has another number of permits is resized; otherwise that is an error. With `numbered=True` each permit
    that a `Permit` holds has a number: see `Permit.slots`.

    With `every=2.0`, at most one acquisition is granted in two seconds, over all processes, of any number of
    permits, in the order of the queue. The time is stored with the semaphore. Without `every` the stored time
    holds; another time raises a HostError of the kind "interval-differs", unless `resize=True`. It ranges
    from 0.001 to 86400 seconds, in whole milliseconds; 0 means none.

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

    @property
    def interval(self) -> float | None:
        """The minimum number of seconds between two acquisitions; None if they are not spaced."""

    def set_interval(self, every: _Seconds) -> None:
        """Set the minimum number of seconds between two acquisitions, for all processes; 0 for none.

        The new time also holds for callers that wait for the next acquisition now.

        >>> from permits import HostSemaphore
        >>> api = HostSemaphore("api", 3, directory=directory, every=60)
        >>> api.acquire(blocking=False), api.acquire(blocking=False)
        (True, False)
        >>> api.set_interval(0)
        >>> api.acquire(blocking=False), api.interval
        (True, None)
        """

    def unlink(self, force: bool = False) -> None:
        """Remove the semaphore with its file, if it is not in use; with force=True in any case.

        If a permit is out or there are waiters, it raises a HostError of the kind "in-use". Permits of dead
        holders do not count. After that, this object and all others that have the semaphore open, in any
        process, get a HostError of the kind "gone" when they acquire or wait; opening the name creates a new
        one. A process that opens it at the same moment gets a new one too, or the semaphore is in use and
        stays.

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
        """The name of the semaphore."""

    @property
    def path(self) -> str:
        """The path of its file."""

@final
class _PermitRequest(Coroutine[Any, Any, Permit]):
    """What `permit_async` returns: `await` it for a `Permit`, or use it in `async with`. It does nothing
    before.
    """

    def __await__(self) -> Generator[Any, Any, Permit]: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any: ...
    def close(self) -> None: ...
    async def __aenter__(self) -> Permit: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
