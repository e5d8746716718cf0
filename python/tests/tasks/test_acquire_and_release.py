"""Both verbs wait without blocking the loop, and take a batch at once or nothing."""

from __future__ import annotations

import asyncio
import collections.abc
import threading

import pytest

import permits
from helpers_async import DEADLINE, eventually, in_loop, settled
from permits import CountSemaphore
from tasks.conftest import asleep, by_policy, counts, taken

pytestmark = pytest.mark.timeout(30)


# Both verbs wait


@by_policy
@in_loop
async def test_an_acquire_takes_a_free_permit_loose(fair):
    sem = CountSemaphore(2, fair=fair)

    assert await sem.acquire_async() is True

    assert counts(sem) == (1, 0, 1)


@by_policy
@in_loop
async def test_an_acquire_waits_for_a_release(fair):
    sem = taken(1, fair=fair)
    (task,) = await asleep(sem, sem.acquire_async())

    assert sem.release(blocking=False)

    assert await task is True
    assert counts(sem) == (0, 0, 1)


@by_policy
@in_loop
async def test_a_release_waits_for_an_acquire(fair):
    sem = CountSemaphore(1, fair=fair)
    (task,) = await asleep(sem, sem.release_async())

    assert sem.acquire(blocking=False)

    assert await task is True
    assert counts(sem) == (1, 0, 0)


@by_policy
@in_loop
async def test_a_release_of_a_loose_permit_does_not_wait(fair):
    sem = taken(2, fair=fair)
    ran = []
    asyncio.get_running_loop().call_soon(ran.append, 1)

    assert await sem.release_async(2) is True

    assert not ran
    assert counts(sem) == (2, 0, 0)


@by_policy
def test_the_exercise_as_two_tasks(fair):
    said = []

    async def main():
        sem = CountSemaphore(1, fair=fair)

        async def taker():
            for _ in range(3):
                await sem.acquire_async()
                said.append("acquiring")

        async def giver():
            for _ in range(3):
                await asyncio.sleep(0.002)
                # Said before it returns: who takes next says so after.
                assert await settled(lambda: sem.given_out == 1)
                said.append("releasing")
                await sem.release_async()

        await asyncio.wait_for(asyncio.gather(taker(), giver()), DEADLINE)

    asyncio.run(main())

    assert said == ["acquiring", "releasing"] * 3


@by_policy
@in_loop
async def test_acquirers_and_releasers_alternate_on_one_permit(fair):
    sem = CountSemaphore(1, fair=fair)

    async def repeat(verb):
        for _ in range(200):
            await verb()

    await asyncio.gather(*(repeat(verb) for verb in [sem.acquire_async, sem.release_async] * 3))

    assert counts(sem) == (1, 0, 0)
    assert sem.waiting == 0


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_request_counts_as_a_coroutine_that_asyncio_takes(what):
    sem = taken(4, loose=2)

    made = [getattr(sem, what)() for _ in range(2)]
    assert all(isinstance(request, collections.abc.Coroutine) and asyncio.iscoroutine(request) for request in made)
    results = await asyncio.gather(asyncio.create_task(made[0]), asyncio.wait_for(made[1], DEADLINE))

    if what == "permit_async":
        assert [permit.count for permit in results] == [1, 1]
    else:
        assert results == [True, True]


@in_loop
async def test_a_task_does_not_block_its_loop_while_it_waits():
    sem = taken(1)
    ticks = 0
    (task,) = await asleep(sem, sem.acquire_async())

    for _ in range(100):
        await asyncio.sleep(0)
        ticks += 1
    assert not task.done()
    threading.Timer(0, sem.release).start()

    assert await settled(task.done)
    assert ticks == 100
    assert eventually(lambda: counts(sem) == (0, 0, 1))


# Numbers


@in_loop
async def test_zero_permits_succeed_at_once_even_if_none_is_there():
    sem = taken(1)
    assert await sem.acquire_async(0) is True

    sem = CountSemaphore(1)
    assert await sem.release_async(0) is True
    permit = await sem.permit_async(0)

    assert permit.count == 0
    assert counts(sem) == (1, 0, 0)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_more_than_there_are_is_an_error_at_once_that_names_both(what):
    sem = CountSemaphore(3)

    with pytest.raises(permits.TooManyError, match="5.*3"):
        await getattr(sem, what)(5)
    with pytest.raises(ValueError):
        await getattr(sem, what)(2**70)

    assert counts(sem) == (3, 0, 0)
    assert sem.waiting == 0


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@pytest.mark.parametrize("n, error", [(-1, ValueError), (1.5, TypeError), ("1", TypeError), (None, TypeError)])
@in_loop
async def test_a_bad_number_changes_nothing(what, n, error):
    sem = taken(2, loose=1)

    with pytest.raises(error):
        await getattr(sem, what)(n)

    assert counts(sem) == (1, 0, 1)
    assert sem.waiting == 0
