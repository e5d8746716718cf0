"""A counting semaphore for threads, asyncio and processes, whose release waits too."""

from __future__ import annotations

import os as _os
from collections.abc import Coroutine as _Coroutine

from . import _permits
from ._permits import MAX_PERMITS, Permit, __version__
from ._types import (
    ClosedError,
    HostError,
    PermitsError,
    State,
    TooManyError,
    WaitTimeoutError,
    WouldBlockError,
)

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

# asyncio takes them as tasks: they have all that a coroutine has but the type.
_Coroutine.register(_permits.Request)
_Coroutine.register(_permits.PermitRequest)


class CountSemaphore(_permits.Counting):
    """A semaphore of `permits` permits for threads and tasks, whose release() waits too."""

    def __init__(self, permits, *, fair=False):
        self._init_here(permits, bool(fair))


class Semaphore(_permits.Semaphore):
    """In the place of threading.Semaphore, for tasks as well."""

    def __init__(self, value=1, *, fair=False):
        self._init(value, bool(fair))


class BoundedSemaphore(_permits.BoundedSemaphore, Semaphore):
    """In the place of threading.BoundedSemaphore, for tasks as well."""


class HostSemaphore(_permits.Counting):
    """A semaphore for the processes of this host, by its name. Permits come back when their holder dies."""

    def __init__(self, name, max=None, *, directory=None, mode=None, label=None, resize=False):
        if not hasattr(self, "_init_host"):
            raise NotImplementedError("HostSemaphore needs Linux")
        directory = None if directory is None else _os.fspath(directory)
        self._init_host(name, max, (directory, mode, label, bool(resize)))
        self._label = label

    @property
    def name(self):
        """Its name."""
        return self._name()

    @property
    def path(self):
        """The path of its file."""
        return _os.fspath(self._path())

    def __reduce__(self):
        # What it has permits by now may differ from what it was opened with.
        return _reopen, (type(self), self.name, _os.path.dirname(self.path), self._label)


def _reopen(cls, name, directory, label):
    return cls(name, directory=directory, label=label)


from . import aio  # noqa: E402  (it needs what is above)
