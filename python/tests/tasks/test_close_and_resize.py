"""`close` and `resize` while tasks wait (C12, C13)."""

from __future__ import annotations

import asyncio

import pytest

import permits
from helpers_async import DEADLINE, background, in_loop, turns
from permits import CountSemaphore
from tasks.conftest import asleep, by_policy, counts, failures, taken

pytestmark = pytest.mark.timeout(30)


# Close (C12)


@by_policy
@in_loop
async def test_close_wakes_the_tasks_of_both_queues(fair):
    # One is free, one loose: who wants two of either waits.
    sem = taken(2, loose=1, fair=fair)
    tasks = await asleep(
        sem, sem.acquire_async(2), sem.permit_async(2), sem.release_async(2), sem.release_async(2), sem.acquire_async()
    )

    sem.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert failures(results) == [permits.ClosedError] * 5
    assert sem.closed and sem.state().closed
    assert counts(sem) == (1, 0, 1)
    assert sem.waiting == 0


@in_loop
async def test_after_close_what_is_out_comes_back_and_nothing_is_given():
    sem = CountSemaphore(3)
    await sem.acquire_async()
    permit = await sem.permit_async()

    sem.close()

    for request in sem.acquire_async(), sem.permit_async(), sem.release_async(2):
        with pytest.raises(permits.ClosedError):
            await request
    with pytest.raises(permits.ClosedError):
        async with sem:
            pass
    assert await sem.release_async() is True
    permit.release()
    assert counts(sem) == (3, 0, 0)


@in_loop
async def test_close_of_another_thread_wakes_a_task():
    sem = taken(1)
    (task,) = await asleep(sem, sem.acquire_async())

    background(sem.close).result(DEADLINE)

    with pytest.raises(permits.ClosedError):
        await asyncio.wait_for(task, DEADLINE)


@in_loop
async def test_a_grant_before_the_close_is_kept():
    sem = taken(1)
    (task,) = await asleep(sem, sem.acquire_async())

    sem.release()
    sem.close()

    assert await task is True
    assert counts(sem) == (0, 0, 1)


# Resize (C13)


@by_policy
@in_loop
async def test_growing_wakes_as_many_tasks_as_are_served_by_it(fair):
    sem = taken(1, fair=fair)
    tasks = await asleep(sem, *(sem.acquire_async() for _ in range(4)))

    sem.grow(2)
    await turns(3)
    assert [task.done() for task in tasks] == [True, True, False, False]
    sem.resize(5)
    await turns(3)

    assert all(task.done() for task in tasks)
    assert counts(sem) == (0, 0, 5)


@by_policy
@in_loop
async def test_a_shrink_that_makes_a_waiting_batch_impossible_wakes_it_with_the_error(fair):
    sem = taken(4, fair=fair)
    batch, guarded, small = await asleep(sem, sem.acquire_async(4), sem.permit_async(3), sem.acquire_async())

    sem.shrink(2)

    results = await asyncio.gather(batch, guarded, return_exceptions=True)
    assert failures(results) == [permits.TooManyError] * 2
    assert "4" in str(results[0]) and "2" in str(results[0])
    assert not small.done()
    # A release of more than there are now is impossible too.
    sem.release(2)
    assert not small.done()
    sem.release()
    assert await asyncio.wait_for(small, DEADLINE) is True


@by_policy
@in_loop
async def test_a_shrink_that_is_owed_is_paid_before_anything_is_granted(fair):
    sem = taken(4, fair=fair)
    (task,) = await asleep(sem, sem.acquire_async())

    sem.resize(2)
    assert (sem.max_permits, sem.available, sem.given_out) == (2, 0, 4)
    sem.release(2)
    await turns(3)
    assert not task.done() and sem.available == 0

    sem.release()
    assert await task is True
    assert counts(sem) == (0, 0, 2)
