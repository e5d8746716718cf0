"""Loops whose futures a task cannot wait for: a request that fails there leaves the queue."""

from __future__ import annotations

import asyncio
import gc

import pytest

from permits import CountSemaphore


class Unmarked:
    """A future that does not take the mark by which a task knows that it is to wait for it."""

    __slots__ = ()

    def cancelled(self):
        return False

    def done(self):
        return False

    def set_result(self, value):
        pass


class Odd(asyncio.SelectorEventLoop):
    def create_future(self):
        return Unmarked()


def first_step_fails(request):
    """Takes the first step of a request in a loop that cannot wait for it."""
    loop = Odd()

    def step():
        try:
            request.send(None)
        except AttributeError:
            failed.append(True)
        finally:
            loop.stop()

    failed = []
    loop.call_soon(step)
    loop.run_forever()
    loop.close()
    assert failed == [True]


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_request_that_cannot_wait_leaves_the_queue(fair):
    sem = CountSemaphore(1, fair=fair)
    sem.acquire()
    request = sem.acquire_async()

    first_step_fails(request)

    assert sem.waiting == 0
    # Nobody is granted what comes back.
    assert sem.release(timeout=0) is True
    assert sem.available == 1
    del request
    gc.collect()
    assert sem.acquire(timeout=0) is True


def test_release_that_cannot_wait_leaves_the_queue():
    sem = CountSemaphore(1)
    request = sem.release_async()

    first_step_fails(request)

    assert sem.waiting == 0
    assert sem.acquire(timeout=0) is True
    assert sem.loose == 1
