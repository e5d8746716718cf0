"""What is plain Python: errors, readings, and the callback that resolves a future in its own loop."""

from __future__ import annotations

from typing import NamedTuple


class PermitsError(Exception):
    """The base of all errors of this package that are not about arguments."""

    __module__ = "permits"


class ClosedError(PermitsError):
    """The semaphore is closed."""

    __module__ = "permits"


class TooManyError(PermitsError, ValueError):
    """The call asked for more permits at once than the semaphore has."""

    __module__ = "permits"


class WaitTimeoutError(PermitsError, TimeoutError):
    """The wait timed out before the permits were granted."""

    __module__ = "permits"


class WouldBlockError(PermitsError):
    """The call would have to wait for the permits."""

    __module__ = "permits"


class _OfKind(PermitsError):
    """An error that a program tells from others of its class by its `kind`."""

    __module__ = "permits"

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])


class HostError(_OfKind):
    """Something is wrong with a semaphore of this host: its file, its directory, or the system."""

    __module__ = "permits"


class EtcdError(_OfKind):
    """Something is wrong with a semaphore of machines: its servers, its keys, or how they are used."""

    __module__ = "permits"


class LostError(EtcdError):
    """The permits were lost before they came back."""

    __module__ = "permits"


class UnreachableError(EtcdError):
    """No server answers, or not in time."""

    __module__ = "permits"


class DeniedError(EtcdError):
    """The servers refuse the user, or what the user asks for."""

    __module__ = "permits"


class State(NamedTuple):
    """All readings of a semaphore at one instant."""

    max_permits: int
    available: int
    given_out: int
    loose: int
    waiting_acquirers: int
    next_acquirer: int
    waiting_releasers: int
    next_releaser: int
    closed: bool


State.__module__ = "permits"


def resolve(future) -> None:
    """Resume a future's task, in its own loop."""
    if not future.done():
        future.set_result(None)


def drain(mailbox) -> None:
    """Resume the tasks whose futures are in the mailbox of their loop. The loop calls it, and calls it again if a signal interrupts it."""
    while True:
        letter = mailbox.first()
        if letter is None:
            return
        future, callbacks = letter
        if not future.done():
            callbacks = getattr(future, "_callbacks", None)
            try:
                future.set_result(None)
            except BaseException:
                mailbox.interrupted(callbacks)
                raise
        elif callbacks:
            tell_again(future.get_loop(), future, callbacks)
        mailbox.done()


def tell_again(loop, future, callbacks) -> None:
    """Call a future's callbacks again: an exception interrupted it, and then it has forgotten all of them, called or not."""
    ready = getattr(loop, "_ready", None)
    if ready is None:
        # Not asyncio's own; uvloop is compiled, and nothing interrupts it.
        return
    if not any(future is argument for handle in list(ready) for argument in handle._args or ()):
        for callback, context in callbacks:
            loop.call_soon(callback, future, context=context)
