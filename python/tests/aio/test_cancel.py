"""A task that is cancelled loses no permit, and adds none."""

from __future__ import annotations

import asyncio
import random

import pytest

from aio.conftest import by_door, by_repaired, full, queued
from helpers_async import in_loop, turns

pytestmark = pytest.mark.timeout(30)


@by_door
@in_loop
async def test_a_waiter_cancelled_before_its_grant_is_passed_over(door):
    sem = await full(door)
    first, second, third = await queued(sem, 3)

    second.cancel()
    await asyncio.sleep(0)
    sem.release()
    await turns(3)
    sem.release()
    await turns(3)

    assert first.done() and second.cancelled() and third.done()
    assert sem.locked()


@by_repaired
@in_loop
async def test_a_head_cancelled_in_the_turn_of_the_release_does_not_take_it_along(door):
    sem = await full(door)
    first, second = await queued(sem, 2)

    first.cancel()
    sem.release()
    await turns(3)

    assert first.cancelled()
    assert second.done()
    assert sem.locked()


@by_repaired
@in_loop
async def test_a_waiter_cancelled_after_its_grant_passes_it_on(door):
    sem = await full(door)
    first, second = await queued(sem, 2)

    sem.release()
    first.cancel()
    await turns(5)

    assert first.cancelled()
    assert second.done()
    assert sem.locked()


@by_repaired
@in_loop
async def test_a_grant_cancelled_with_nobody_behind_is_free_again(door):
    sem = await full(door)
    (only,) = await queued(sem, 1)

    sem.release()
    only.cancel()
    await turns(5)

    assert only.cancelled()
    assert not sem.locked()
    assert sem._value == 1
    await asyncio.wait_for(sem.acquire(), 1)


@by_repaired
@in_loop
async def test_a_whole_queue_cancelled_after_one_grant_leaves_the_permit_free(door):
    sem = await full(door)
    tasks = await queued(sem, 20)

    sem.release()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert all(task.cancelled() for task in tasks)
    assert sem._value == 1 and not sem.locked()


@by_repaired
@in_loop
async def test_a_task_cancelled_by_the_holder_as_it_leaves_does_not_lose_the_permit(door):
    sem = door.Semaphore(1)

    async def holder():
        async with sem:
            await asyncio.sleep(0)
        waiter.cancel()

    async def waits():
        async with sem:
            raise AssertionError("it was cancelled before it got here")

    first, waiter = asyncio.create_task(holder()), asyncio.create_task(waits())
    results = await asyncio.gather(first, waiter, return_exceptions=True)

    assert results[0] is None
    assert isinstance(results[1], asyncio.CancelledError)
    await asyncio.wait_for(sem.acquire(), 1)


@by_door
@in_loop
async def test_a_cancelled_task_leaves_async_with_and_returns_its_permit(door):
    sem = door.BoundedSemaphore(1)
    inside = asyncio.Event()

    async def holder():
        async with sem:
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(holder())
    await inside.wait()
    assert sem.locked()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert not sem.locked()


@by_door
@in_loop
async def test_a_shielded_request_outlives_the_cancelled_task(door):
    sem = await full(door)
    request = asyncio.ensure_future(sem.acquire())

    async def waits():
        await asyncio.shield(request)

    task = asyncio.create_task(waits())
    await turns(2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    sem.release()

    assert task.cancelled()
    assert await request is True
    assert sem.locked()


@by_repaired
@pytest.mark.parametrize("seed", range(4))
@in_loop
async def test_random_cancels_and_releases_lose_and_add_no_permit(door, seed):
    dice = random.Random(seed)
    sem = door.Semaphore(2)
    inside = most = 0

    async def worker():
        nonlocal inside, most
        for _ in range(5):
            async with sem:
                inside += 1
                most = max(most, inside)
                try:
                    await turns(dice.randrange(3))
                finally:
                    inside -= 1

    tasks = [asyncio.create_task(worker()) for _ in range(100)]
    while not all(task.done() for task in tasks):
        if dice.random() < 0.3:
            dice.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert most == 2
    assert inside == 0
    assert sem._value == 2 and not sem.locked()
