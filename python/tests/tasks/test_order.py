"""The order in which both queues are served, and their readings."""

from __future__ import annotations

import asyncio

import pytest

import permits
from helpers_async import in_loop, turns
from permits import CountSemaphore
from tasks.conftest import asleep, by_policy, counts, taken

pytestmark = pytest.mark.timeout(30)


@by_policy
@in_loop
async def test_tasks_are_served_first_come_first_served_in_both_queues(fair):
    sem = CountSemaphore(1, fair=fair)
    got = []

    async def noted(verb, number):
        await verb()
        got.append(number)

    tasks = [asyncio.create_task(noted(sem.release_async, number)) for number in range(20)]
    await asyncio.sleep(0)
    for _ in range(20):
        await sem.acquire_async()
        await turns(3)
    await asyncio.gather(*tasks)
    assert got == list(range(20))

    got.clear()
    await sem.acquire_async()
    tasks = [asyncio.create_task(noted(sem.acquire_async, number)) for number in range(20)]
    await asyncio.sleep(0)
    for _ in range(20):
        await sem.release_async()
        await turns(3)
    await asyncio.gather(*tasks)
    assert got == list(range(20))


@by_policy
@in_loop
async def test_a_small_request_does_not_pass_a_large_one_and_free_permits_stay_visible(fair):
    sem = taken(3, loose=2, fair=fair)
    large, small = await asleep(sem, sem.acquire_async(3), sem.acquire_async(1))

    await turns(5)
    assert not large.done() and not small.done()
    assert sem.available == 1
    assert sem.state()[:8] == (3, 1, 2, 2, 2, 3, 0, 0)

    sem.release(2)
    assert await large is True
    assert not small.done()
    sem.release(3)
    assert await small is True


@by_policy
@in_loop
async def test_a_large_head_that_is_cancelled_lets_the_small_ones_through(fair):
    sem = taken(3, loose=1, fair=fair)
    large, *small = await asleep(sem, sem.acquire_async(3), sem.acquire_async(1), sem.acquire_async(1))
    assert sem.available == 2

    large.cancel()

    assert await asyncio.gather(*small) == [True, True]
    assert large.cancelled()
    assert counts(sem) == (0, 0, 3)


@by_policy
@in_loop
async def test_a_large_release_that_is_cancelled_lets_the_small_ones_through(fair):
    sem = taken(4, loose=2, fair=fair)
    large, *small = await asleep(sem, sem.release_async(3), sem.release_async(1), sem.release_async(1))
    assert sem.loose == 2

    large.cancel()

    assert await asyncio.gather(*small) == [True, True]
    assert counts(sem) == (4, 0, 0)


@by_policy
@in_loop
async def test_one_release_of_many_serves_all_that_it_reaches(fair):
    sem = taken(6, fair=fair)
    tasks = await asleep(sem, *(sem.acquire_async(n) for n in (1, 2, 3, 1)))

    sem.release(6)
    await turns(3)

    assert [task.done() for task in tasks] == [True, True, True, False]
    assert counts(sem) == (0, 0, 6)
    sem.release()
    await tasks[3]


@by_policy
@in_loop
async def test_a_grant_lets_a_waiting_release_through_which_lets_an_acquire_through(fair):
    sem = CountSemaphore(1, fair=fair)
    releases = await asleep(sem, *(sem.release_async() for _ in range(3)))

    # Each acquire's permit is returned at once by a release that waits for it.
    assert await asyncio.gather(*(sem.acquire_async() for _ in range(3))) == [True] * 3

    assert await asyncio.gather(*releases) == [True] * 3
    assert counts(sem) == (1, 0, 0)


@in_loop
async def test_the_readings_tell_both_queues():
    # Two are out, one held and one loose: who wants two of either waits.
    sem = CountSemaphore(3)
    await sem.acquire_async()
    permit = await sem.permit_async()
    tasks = await asleep(sem, sem.acquire_async(2), sem.acquire_async(), sem.release_async(2), sem.release_async(3))

    state = sem.state()
    assert state == permits.State(3, 1, 2, 1, 2, 2, 2, 2, False)
    assert state._fields == (
        "max_permits",
        "available",
        "given_out",
        "loose",
        "waiting_acquirers",
        "next_acquirer",
        "waiting_releasers",
        "next_releaser",
        "closed",
    )
    assert (sem.waiting, sem.waiting_acquirers, sem.waiting_releasers) == (4, 2, 2)
    assert (sem.max_permits, sem.available, sem.given_out, sem.loose, sem.closed) == (3, 1, 2, 1, False)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    permit.release()
    assert sem.state() == permits.State(3, 2, 1, 1, 0, 0, 0, 0, False)
