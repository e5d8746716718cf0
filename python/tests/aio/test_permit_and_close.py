"""`permit` and `close`, which asyncio's semaphores do not have."""

from __future__ import annotations

import asyncio

import pytest

import permits
from aio.conftest import awaited, by_class, full, queued
from helpers_async import in_loop

pytestmark = pytest.mark.timeout(30)


@in_loop
async def test_a_permit_can_be_awaited_and_given_back():
    sem = permits.aio.BoundedSemaphore(3)

    permit = await sem.permit(2)
    assert isinstance(permit, permits.Permit)
    assert (permit.count, sem.available) == (2, 1)
    permit.release()
    permit.release()

    assert (permit.count, sem.available) == (0, 3)


@in_loop
async def test_a_permit_is_an_async_context_manager():
    sem = permits.aio.BoundedSemaphore(3)

    async with sem.permit(2) as permit:
        assert (permit.count, sem.available) == (2, 1)

    assert (permit.count, sem.available) == (0, 3)


@in_loop
async def test_a_permit_waits_in_the_same_queue():
    sem = await full(permits.aio)
    got = []

    async def bare():
        await sem.acquire()
        got.append("bare")
        sem.release()

    async def guarded():
        async with sem.permit():
            got.append("guarded")

    tasks = []
    for act in bare, guarded, bare, guarded:
        tasks.append(asyncio.create_task(act()))
        await asyncio.sleep(0)
    assert sem.waiting == 4
    sem.release()
    await asyncio.gather(*tasks)

    assert got == ["bare", "guarded", "bare", "guarded"]
    assert sem.available == 1


@by_class
@in_loop
async def test_close_wakes_all_waiters_and_refuses_newcomers(kind):
    sem = await full(permits.aio, kind)
    tasks = await queued(sem, 5)
    tasks.append(asyncio.create_task(awaited(sem.permit())))
    await asyncio.sleep(0)
    assert not sem.closed

    sem.close()
    sem.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [permits.ClosedError] * 6
    assert sem.closed and sem.waiting == 0
    with pytest.raises(permits.ClosedError):
        await sem.acquire()
    with pytest.raises(permits.ClosedError):
        async with sem:
            pass
    sem.release()
    assert sem.available == 1
