"""Tasks of closed loops, also those that something still refers to: they block no other request, and keep nothing alive."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from helpers_async import DEADLINE, LoopThread, background, eventually, quiet, turns
from permits import CountSemaphore


def new_uvloop():
    import uvloop

    return uvloop.new_event_loop()


every_loop = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, new_uvloop], ids=["asyncio", "uvloop"])


def waiting_on(loop, sem, awaitable):
    """A task of a loop that does not run now; it waits."""

    async def wait():
        return await awaitable

    before = sem.waiting
    task = loop.create_task(wait())
    loop.run_until_complete(turns(2))
    assert sem.waiting == before + 1
    return task


def newcomer(sem):
    return background(sem.acquire, 1, DEADLINE).result(2 * DEADLINE)


@every_loop
@pytest.mark.parametrize("by", ["this thread", "another thread"])
@pytest.mark.parametrize("what", ["acquire_async", "permit_async"])
def test_grant_to_a_loop_that_is_closed_before_it_runs_again_goes_to_a_newcomer(new_loop, by, what):
    sem = CountSemaphore(1)
    sem.acquire()
    dying = quiet(new_loop())
    lost = waiting_on(dying, sem, getattr(sem, what)())
    # Delivered: the loop might have run again.
    sem.release() if by == "this thread" else background(sem.release).result(DEADLINE)
    assert (sem.available, sem.waiting) == (0, 0)

    dying.close()

    assert sem.available == 1
    assert newcomer(sem) is True
    # It is still referred to.
    assert not lost.done()


@every_loop
def test_grant_to_a_loop_that_is_closed_before_it_runs_again_goes_to_whoever_waits(new_loop):
    sem = CountSemaphore(1, fair=True)
    sem.acquire()
    dying = quiet(new_loop())
    with LoopThread() as alive:
        lost = waiting_on(dying, sem, sem.acquire_async())
        task = alive.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 2)
        thread = background(sem.acquire)
        assert eventually(lambda: sem.waiting == 3)
        sem.release()
        assert sem.waiting == 2

        dying.close()

        assert task.result(DEADLINE) is True
        sem.release()
        assert thread.result(DEADLINE) is True
    assert (sem.loose, sem.waiting) == (1, 0)
    assert not lost.done()


@every_loop
def test_release_that_was_granted_to_a_loop_that_is_closed_before_it_runs_again_is_undone(new_loop):
    sem = CountSemaphore(1)
    dying = quiet(new_loop())
    lost = waiting_on(dying, sem, sem.release_async())
    assert sem.acquire() is True
    assert sem.waiting == 0

    dying.close()

    # It took back nothing.
    assert (sem.available, sem.loose) == (0, 1)
    assert not lost.done()


@every_loop
def test_large_request_of_a_closed_loop_blocks_no_newcomer(new_loop):
    sem = CountSemaphore(2, fair=True)
    held = sem.permit()
    dead = quiet(new_loop())
    lost = waiting_on(dead, sem, sem.acquire_async(2))

    dead.close()

    assert sem.waiting == 0
    assert newcomer(sem) is True
    assert (sem.available, held.count, lost.done()) == (0, 1, False)


@every_loop
@pytest.mark.parametrize("behind", ["task", "thread"])
def test_who_waits_behind_a_large_request_goes_ahead_when_the_loop_of_that_is_closed(new_loop, behind):
    sem = CountSemaphore(2, fair=True)
    sem.acquire()
    dying = quiet(new_loop())
    lost = waiting_on(dying, sem, sem.acquire_async(2))
    with LoopThread() as alive:
        waiting = alive.submit(sem.acquire_async()) if behind == "task" else background(sem.acquire)
        assert eventually(lambda: sem.waiting == 2)
        assert sem.available == 1

        dying.close()

        assert waiting.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (0, 2, 0)
    assert not lost.done()


def test_task_that_waits_in_a_stopped_loop_behind_one_of_a_closed_loop_finds_its_grant():
    sem = CountSemaphore(2, fair=True)
    sem.acquire()
    dying, stopped = quiet(asyncio.new_event_loop()), asyncio.new_event_loop()
    lost = waiting_on(dying, sem, sem.acquire_async(2))
    task = waiting_on(stopped, sem, sem.acquire_async())

    dying.close()

    assert stopped.run_until_complete(asyncio.wait_for(task, DEADLINE)) is True
    stopped.close()
    assert not lost.done()


@every_loop
@pytest.mark.parametrize("ends", ["waiting", "granted", "served"])
def test_nothing_of_a_closed_loop_stays_alive(new_loop, ends):
    sem = CountSemaphore(1)
    gone = []
    for _ in range(20):
        held = sem.permit()
        loop = quiet(new_loop())
        task = waiting_on(loop, sem, sem.acquire_async())
        if ends != "waiting":
            held.release()
        if ends == "served":
            assert loop.run_until_complete(task) is True
            sem.release()
        loop.close()
        held.release() if ends == "waiting" else None
        gone += [weakref.ref(loop), weakref.ref(task)]
    del loop, task

    gc.collect()

    assert [alive for alive in gone if alive() is not None] == []
    assert (sem.available, sem.waiting) == (1, 0)
