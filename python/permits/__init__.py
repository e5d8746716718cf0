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

from __future__ import annotations

import os as _os
from collections.abc import Coroutine as _Coroutine

from . import _permits
from ._machines import EtcdSemaphore, connect
from ._permits import MAX_PERMITS, Permit, __version__
from ._types import (
    ClosedError,
    DeniedError,
    EtcdError,
    HostError,
    LostError,
    PermitsError,
    State,
    TooManyError,
    UnreachableError,
    WaitTimeoutError,
    WouldBlockError,
)

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

# asyncio takes them as tasks: they have all that a coroutine has but the type.
_Coroutine.register(_permits.Request)
_Coroutine.register(_permits.PermitRequest)


class CountSemaphore(_permits.Counting):
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

    def __init__(self, permits, *, fair=False):
        """Make one with `permits` permits, all free."""
        self._init_here(permits, bool(fair))
        if _os.environ.get("PERMITS_CHECK") == "1":
            from . import _check

            _check.check(self)


class Semaphore(_permits.Semaphore):
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

    def __init__(self, value=1, *, fair=False):
        """Make one with `value` permits free."""
        self._init(value, bool(fair))

    def __init_subclass__(cls, **named):
        super().__init_subclass__(**named)
        # threading's `with` calls self.release(): an override is used there too.
        if cls.release is not Semaphore.release and cls.__exit__ is Semaphore.__exit__:
            cls.__exit__ = _exit_by_release


def _exit_by_release(self, t, v, tb):
    self.release()


class BoundedSemaphore(_permits.BoundedSemaphore, Semaphore):
    """`threading.BoundedSemaphore`, call by call, for threads and asyncio. One release too many raises
    ValueError.

    >>> from permits import BoundedSemaphore
    >>> sem = BoundedSemaphore(2)
    >>> sem.release()
    Traceback (most recent call last):
    ValueError: Semaphore released too many times
    """


class HostSemaphore(_permits.Counting):
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
        self, name, max=None, *, directory=None, mode=None, label=None, resize=False, numbered=False, every=None
    ):
        """Open it, or create it with `max` permits."""
        if not hasattr(self, "_init_host"):
            raise NotImplementedError("HostSemaphore needs Linux")
        for what, text in ("name", name), ("label", label if label is not None else ""):
            if not isinstance(text, str):
                raise TypeError(f"{what} must be a str, not {type(text).__name__}")
        directory = None if directory is None else _os.fspath(directory)
        self._init_host(name, max, every, (directory, mode, label, bool(resize), bool(numbered)))
        self._label, self._numbered = label, bool(numbered)

    @property
    def name(self):
        """The name of the semaphore."""
        return self._name()

    @property
    def path(self):
        """The path of its file."""
        return _os.fspath(self._path())

    @property
    def interval(self):
        """The minimum number of seconds between two acquisitions; None if they are not spaced."""
        return self._interval()

    def set_interval(self, every):
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
        self._set_interval(every)

    def unlink(self, force=False):
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
        self._unlink(bool(force))

    def __reduce__(self):
        """By name: the other process opens it anew."""
        # What it has permits by now may differ from what it was opened with.
        return _reopen, (type(self), self.name, _os.path.dirname(self.path), self._label, self._numbered)


def _reopen(cls, name, directory, label, numbered):
    return cls(name, directory=directory, label=label, numbered=numbered)


# What is in files of their own is named as what is here.
EtcdSemaphore.__module__ = connect.__module__ = __name__

from . import aio  # noqa: E402  (it needs what is above)
