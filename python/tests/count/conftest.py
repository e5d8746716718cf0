"""What the tests of `CountSemaphore` among threads share."""

from __future__ import annotations

import pytest

from conftest import in_thread, wait_until
from permits import CountSemaphore

# Longer than any of these waits lasts: reaching it is a failure, but not a hang.
LONG = 20

both_policies = pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])


def loose(max_permits, n, **options):
    """A semaphore with `n` of its permits out, and loose."""
    sem = CountSemaphore(max_permits, **options)
    assert sem.acquire(n) is True
    return sem


def queue(wait, length, then):
    before = length()

    def run():
        done = wait()
        if then is not None:
            then()
        return done

    running = in_thread(run)
    wait_until(lambda: length() == before + 1 or running.is_done())
    assert not running.is_done(), "it did not have to wait: " + repr(running.result())
    return running


def queue_acquirer(sem, n=1, timeout=LONG, then=None):
    """Starts a thread that asks for `n`, and waits until it stands in the queue."""
    return queue(lambda: sem.acquire(n, timeout), lambda: sem.waiting_acquirers, then)


def queue_releaser(sem, n=1, timeout=LONG, then=None):
    """Starts a thread that wants to return `n`, and waits until it stands in the queue."""
    return queue(lambda: sem.release(n, timeout), lambda: sem.waiting_releasers, then)
