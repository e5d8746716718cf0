"""What the tasks of a closed loop waited for goes to threads and to other loops (C17)."""

from __future__ import annotations

import asyncio
import gc

import pytest

from helpers_async import DEADLINE, LoopThread, background, eventually, quiet, turns
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)


def waiting_on(loop, sem, what="acquire_async"):
    """A task of a loop that does not run now; it waits."""
    before = sem.waiting
    task = loop.create_task(getattr(sem, what)())
    loop.run_until_complete(turns(2))
    assert sem.waiting == before + 1
    return task


@pytest.mark.parametrize("behind", ["thread", "task"])
def test_the_waiters_of_a_closed_loop_pass_their_grants_on(behind):
    sem = CountSemaphore(1, fair=True)
    sem.acquire()
    dead = quiet(asyncio.new_event_loop())
    lost = [waiting_on(dead, sem) for _ in range(3)]

    with LoopThread() as alive:
        waits = background(sem.acquire) if behind == "thread" else alive.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 4)
        dead.close()

        sem.release()

        assert waits.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)
    assert not any(task.done() for task in lost)


def test_the_releasers_of_a_closed_loop_return_nothing():
    sem = CountSemaphore(1, fair=True)
    dead = quiet(asyncio.new_event_loop())
    lost = [waiting_on(dead, sem, "release_async") for _ in range(3)]
    thread = background(sem.release)
    assert eventually(lambda: sem.waiting_releasers == 4)
    dead.close()

    sem.acquire()

    assert thread.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)
    assert not any(task.done() for task in lost)


def test_a_permit_granted_to_a_closed_loop_returns():
    sem = CountSemaphore(1, fair=True)
    held = sem.permit()
    dead = quiet(asyncio.new_event_loop())
    lost = waiting_on(dead, sem, "permit_async")
    dead.close()

    held.release()

    assert sem.acquire(timeout=DEADLINE)
    assert (sem.loose, sem.given_out, sem.waiting) == (1, 1, 0)
    assert not lost.done()


def test_a_grant_to_a_loop_that_is_closed_before_it_runs_again_passes_on():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()
    dying = quiet(asyncio.new_event_loop())
    lost = waiting_on(dying, sem)
    thread = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    # Granted, as the loop might have run again.
    sem.release()
    assert sem.waiting == 1

    dying.close()
    del lost, dying
    gc.collect()

    assert thread.result(DEADLINE) is True
