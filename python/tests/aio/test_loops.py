"""Loops that end, and one semaphore for one loop after another."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import permits
from aio.conftest import CLASSES, by_door, by_repaired, full, step
from helpers_async import DEADLINE, background, in_loop, settled

pytestmark = pytest.mark.timeout(30)


def test_a_task_destroyed_with_its_semaphore_while_it_waits_is_reported_once():
    sem = permits.aio.Semaphore(0)
    loop = asyncio.new_event_loop()
    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(context["message"]))
    task = loop.create_task(sem.acquire())
    step(loop)
    assert sem.waiting == 1

    loop.close()
    del sem, task
    gc.collect()

    assert reported == ["Task was destroyed but it is pending!"]
    del loop


@by_door
@in_loop
async def test_a_waiting_task_that_nobody_else_refers_to_is_kept(door):
    sem = await full(door)
    done = []

    async def waits():
        await sem.acquire()
        done.append(True)

    # asyncio itself has weak references alone: the queue has to keep it.
    asyncio.create_task(waits())
    await asyncio.sleep(0)
    gc.collect()
    sem.release()

    assert await settled(lambda: done)


def test_a_task_destroyed_after_its_grant_passes_it_on():
    sem = permits.aio.Semaphore(0)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(sem.acquire())
    step(loop)
    sem.release()
    assert sem.available == 0

    loop.close()
    del task, loop
    gc.collect()

    assert (sem.available, sem.waiting) == (1, 0)


def test_the_waiters_of_a_closed_loop_are_passed_over():
    sem = permits.aio.Semaphore(0)
    dead, alive = asyncio.new_event_loop(), asyncio.new_event_loop()
    dead.set_exception_handler(lambda *_: None)
    lost = dead.create_task(sem.acquire())
    step(dead)
    waits = alive.create_task(sem.acquire())
    step(alive)
    assert sem.waiting == 2
    dead.close()

    sem.release()

    assert alive.run_until_complete(asyncio.wait_for(waits, DEADLINE)) is True
    alive.close()
    assert not lost.done()


def test_a_release_with_none_but_waiters_of_a_closed_loop_leaves_the_permit_free():
    sem = permits.aio.Semaphore(0)
    dead = asyncio.new_event_loop()
    dead.set_exception_handler(lambda *_: None)
    lost = dead.create_task(sem.acquire())
    step(dead)
    dead.close()

    sem.release()

    assert sem.available == 1
    assert asyncio.run(sem.acquire()) is True
    assert not lost.done()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_cycle_of_loop_task_and_semaphore_is_collected(kind):
    sem = getattr(permits.aio, kind)(1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def waits(sem):
        await sem.acquire()
        await sem.acquire()

    task = loop.create_task(waits(sem))
    sem.loop, sem.task = loop, task
    step(loop)
    assert sem.waiting == 1
    weak = [weakref.ref(thing) for thing in (sem, loop, task)]
    loop.close()

    del sem, loop, task
    gc.collect()
    gc.collect()

    assert [ref() for ref in weak] == [None, None, None]


def test_one_semaphore_serves_one_asyncio_run_after_another():
    sem = permits.aio.Semaphore(1)

    async def contended():
        async def worker():
            async with sem:
                await asyncio.sleep(0)

        await asyncio.gather(*(worker() for _ in range(5)))

    for _ in range(30):
        asyncio.run(contended())

    assert (sem.available, sem.waiting) == (1, 0)


def test_a_semaphore_made_outside_a_loop_needs_none(recwarn):
    sem = permits.aio.BoundedSemaphore(1)

    assert not sem.locked()
    assert repr(sem).endswith("[unlocked, value:1]>")
    with pytest.raises(ValueError):
        sem.release()
    assert not recwarn.list


@by_repaired
def test_debug_mode_of_asyncio_changes_nothing(door):
    async def main():
        sem = door.Semaphore(1)
        got = []

        async def worker(number):
            async with sem:
                got.append(number)
                await asyncio.sleep(0)

        workers = [asyncio.create_task(worker(number)) for number in range(10)]
        await asyncio.sleep(0)
        workers[5].cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        assert got == [0, 1, 2, 3, 4, 6, 7, 8, 9]
        assert not sem.locked()

    asyncio.run(main(), debug=True)


def test_a_release_of_another_thread_is_allowed_in_debug_mode():
    sem = permits.aio.Semaphore(0)

    async def main():
        task = asyncio.create_task(sem.acquire())
        await asyncio.sleep(0)
        released = background(sem.release)
        assert await asyncio.wait_for(task, DEADLINE) is True
        released.result(DEADLINE)

    asyncio.run(main(), debug=True)
