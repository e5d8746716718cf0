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
    """More permits were asked for at once than the semaphore has."""

    __module__ = "permits"


class WaitTimeoutError(PermitsError, TimeoutError):
    """The time was over before the permits could be had."""

    __module__ = "permits"


class WouldBlockError(PermitsError):
    """The permits cannot be had without waiting."""

    __module__ = "permits"


class HostError(PermitsError):
    """Something is wrong with a semaphore of this host: its file, its directory, or the system."""

    __module__ = "permits"

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])


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
    """Tell a future's task to go on, in its own loop."""
    if not future.done():
        future.set_result(None)


def drain(mailbox) -> None:
    """Tell the tasks whose futures are in the mailbox of their loop to go on. Called by the loop; if a signal interrupts it, again."""
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
    """Tell a future's callbacks, which it was interrupted in telling by an exception: then it has forgotten them, told or not."""
    ready = getattr(loop, "_ready", None)
    if ready is None:
        # Not asyncio's own; uvloop is compiled, and nothing interrupts it.
        return
    if not any(future is argument for handle in list(ready) for argument in handle._args or ()):
        for callback, context in callbacks:
            loop.call_soon(callback, future, context=context)
