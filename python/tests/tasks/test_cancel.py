"""Tasks that are cancelled leave no trace and pass their grants on (C10)."""

from __future__ import annotations

import asyncio
import random

import pytest

from helpers_async import DEADLINE, in_loop, turns
from permits import CountSemaphore
from tasks.conftest import asleep, by_policy, counts, failures, one_permit, taken, verbs

pytestmark = pytest.mark.timeout(30)


def for_each_request(test):
    return by_policy(pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])(test))


@for_each_request
@in_loop
async def test_a_waiter_that_is_cancelled_leaves_no_trace(what, fair):
    sem = one_permit(what, fair)
    request, grant = verbs(sem, what)
    before = sem.state()
    first, second, third = await asleep(sem, request(), request(), request())

    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert second.cancelled() and sem.waiting == 2
    first.cancel()
    third.cancel()
    await asyncio.gather(first, third, return_exceptions=True)

    assert sem.state() == before


@for_each_request
@in_loop
async def test_a_granted_waiter_that_is_cancelled_before_it_resumes_passes_the_grant_on(what, fair):
    sem = one_permit(what, fair)
    request, grant = verbs(sem, what)
    first, second = await asleep(sem, request(), request())

    assert grant()
    first.cancel()

    second_got = await asyncio.wait_for(second, DEADLINE)
    assert first.cancelled()
    assert sem.waiting == 0
    if what == "permit_async":
        assert second_got.count == 1 and counts(sem) == (0, 1, 0)
    else:
        assert counts(sem) == ((1, 0, 0) if what == "release_async" else (0, 0, 1))


@for_each_request
@in_loop
async def test_a_grant_that_is_cancelled_with_nobody_behind_is_undone(what, fair):
    sem = one_permit(what, fair)
    request, grant = verbs(sem, what)
    (only,) = await asleep(sem, request())

    assert grant()
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)

    assert only.cancelled()
    assert counts(sem) == ((0, 0, 1) if what == "release_async" else (1, 0, 0))


@for_each_request
@in_loop
async def test_the_passed_on_grant_of_a_whole_cancelled_queue_reaches_its_last(what, fair):
    sem = one_permit(what, fair)
    request, grant = verbs(sem, what)
    *cancelled, last = await asleep(sem, *(request() for _ in range(50)))

    assert grant()
    for task in cancelled:
        task.cancel()

    assert await asyncio.wait_for(last, DEADLINE)
    assert all(task.cancelled() for task in cancelled)
    assert sem.waiting == 0


@for_each_request
@in_loop
async def test_wait_for_that_times_out_leaves_no_trace(what, fair):
    sem = one_permit(what, fair)
    request, grant = verbs(sem, what)
    before = sem.state()

    for _ in range(5):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(request(), 0.002)

    assert sem.state() == before
    assert grant()
    assert await asyncio.wait_for(request(), DEADLINE)


@by_policy
@in_loop
async def test_a_granted_batch_that_is_cancelled_serves_several_behind_it(fair):
    sem = taken(3, fair=fair)
    batch, *single = await asleep(sem, sem.acquire_async(3), *(sem.acquire_async() for _ in range(4)))

    sem.release(3)
    batch.cancel()
    await turns(5)

    assert batch.cancelled()
    assert [task.done() for task in single] == [True, True, True, False]
    assert counts(sem) == (0, 0, 3)
    sem.release()
    await single[3]


@by_policy
@pytest.mark.parametrize("seed", range(3))
@in_loop
async def test_random_cancels_batches_and_permits_keep_the_law(fair, seed):
    dice = random.Random(seed)
    sem = CountSemaphore(4, fair=fair)
    held = 0

    async def worker(n):
        nonlocal held
        for _ in range(6):
            async with sem.permit_async(n) as permit:
                held += permit.count
                assert held <= 4
                try:
                    await turns(dice.randrange(3))
                finally:
                    held -= permit.count

    tasks = [asyncio.create_task(worker(dice.randrange(1, 5))) for _ in range(80)]
    while not all(task.done() for task in tasks):
        if dice.random() < 0.3:
            dice.choice(tasks).cancel()
        counts(sem)
        await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert set(failures(results)) <= {type(None), asyncio.CancelledError}
    assert counts(sem) == (4, 0, 0)
    assert sem.waiting == 0
