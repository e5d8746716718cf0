"""Permits of tasks: awaited, entered, dropped, forgotten, split."""

from __future__ import annotations

import asyncio
import gc

import pytest

import permits
from helpers_async import DEADLINE, background, in_loop
from permits import CountSemaphore
from tasks.conftest import asleep, counts, taken

pytestmark = pytest.mark.timeout(30)


@in_loop
async def test_a_permit_is_held_and_no_bare_release_returns_it():
    sem = CountSemaphore(3)

    permit = await sem.permit_async(2)

    assert permit.count == 2
    assert counts(sem) == (1, 2, 0)
    assert sem.release(blocking=False) is False
    permit.release()
    permit.release()
    assert permit.count == 0
    assert counts(sem) == (3, 0, 0)


@in_loop
async def test_a_permit_request_is_an_async_context_manager():
    sem = CountSemaphore(3)

    async with sem.permit_async(2) as permit:
        assert permit.count == 2
        assert counts(sem) == (1, 2, 0)

    assert permit.count == 0
    assert counts(sem) == (3, 0, 0)


@in_loop
async def test_a_permit_is_an_async_context_manager_itself():
    sem = CountSemaphore(3)
    permit = await sem.permit_async(3)

    async with permit as same:
        assert same is permit

    assert counts(sem) == (3, 0, 0)


@in_loop
async def test_an_exception_leaves_the_permits_context_and_they_return():
    sem = CountSemaphore(2)

    with pytest.raises(LookupError, match="from inside"):
        async with sem.permit_async(2):
            raise LookupError("from inside")
    with pytest.raises(LookupError, match="from inside"):
        async with sem:
            raise LookupError("from inside")

    assert counts(sem) == (2, 0, 0)


@in_loop
async def test_async_with_the_semaphore_holds_one_and_yields_none():
    sem = CountSemaphore(2)

    async with sem as got:
        assert got is None
        assert counts(sem) == (1, 1, 0)
        assert sem.release(blocking=False) is False
        async with sem:
            assert counts(sem) == (0, 2, 0)

    assert counts(sem) == (2, 0, 0)


@in_loop
async def test_async_with_waits_and_cancel_leaves_the_queue():
    sem = taken(1)

    async def waits():
        async with sem:
            raise AssertionError("nobody gave it the permit")

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    assert sem.waiting_acquirers == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert sem.waiting == 0
    assert counts(sem) == (0, 0, 1)


@in_loop
async def test_many_tasks_in_async_with_are_never_more_than_permitted():
    sem = CountSemaphore(3)
    inside = most = 0

    async def worker():
        nonlocal inside, most
        async with sem:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(worker() for _ in range(200)))

    assert most == 3
    assert counts(sem) == (3, 0, 0)


@in_loop
async def test_a_dropped_permit_returns_and_wakes_a_task():
    sem = CountSemaphore(1)
    permit = await sem.permit_async()
    (task,) = await asleep(sem, sem.acquire_async())

    del permit
    gc.collect()

    assert await task is True


@in_loop
async def test_a_forgotten_permit_lets_a_waiting_release_through():
    sem = CountSemaphore(1)
    permit = await sem.permit_async()
    (task,) = await asleep(sem, sem.release_async())

    permit.forget()

    assert await task is True
    assert counts(sem) == (1, 0, 0)


@in_loop
async def test_a_permit_may_be_released_by_another_thread():
    sem = CountSemaphore(2)
    permit = await sem.permit_async(2)
    (task,) = await asleep(sem, sem.acquire_async(2))

    background(permit.release).result(DEADLINE)

    assert await task is True
    assert counts(sem) == (0, 0, 2)


@in_loop
async def test_a_part_that_was_split_off_returns_by_itself():
    sem = CountSemaphore(3)
    permit = await sem.permit_async(3)
    part = permit.split(2)
    (task,) = await asleep(sem, sem.permit_async(2))

    part.release()

    assert (await task).count == 2
    assert permit.count == 1


@pytest.mark.parametrize("kind", [permits.Semaphore, permits.BoundedSemaphore])
@in_loop
async def test_the_drop_ins_for_threads_have_futures_too(kind):
    sem = kind(2)

    assert await sem.acquire_async() is True
    async with sem.permit_async() as permit:
        assert (permit.count, sem.available) == (1, 0)
        (task,) = await asleep(sem, sem.acquire_async())
        sem.release()
        assert await task is True
    sem.release()
    async with sem as got:
        assert sem.available == 1

    assert got is None
    assert (sem.available, sem.waiting) == (2, 0)
