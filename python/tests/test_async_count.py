"""The futures of `CountSemaphore`, `Semaphore` and `BoundedSemaphore`: tasks in both queues."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import random
import threading
import weakref

import pytest

import permits
from helpers_async import DEADLINE, background, eventually, in_loop, settled, turns
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)

by_policy = pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])


def counts(sem):
    """What the law is about: free, held, loose. It has to add up."""
    state = sem.state()
    held = state.given_out - state.loose
    assert state.available + held + state.loose == state.max_permits, state
    return state.available, held, state.loose


def taken(max_permits, loose=None, fair=False):
    """A semaphore whose permits are out, as loose ones."""
    sem = CountSemaphore(max_permits, fair=fair)
    assert sem.acquire(max_permits if loose is None else loose, blocking=False)
    return sem


async def asleep(sem, *requests):
    """A task of each request; they wait in this order."""
    before = sem.waiting
    tasks = [asyncio.ensure_future(request) for request in requests]
    await asyncio.sleep(0)
    assert sem.waiting == before + len(requests)
    return tasks


def failures(results):
    return [type(result) for result in results]


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


# Permits


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


# Order


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


# Readings


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


# Cancel (C10)


def verbs(sem, what):
    """The request of that kind, and what makes a full or an empty semaphore grant it."""
    if what == "release_async":
        return sem.release_async, lambda: sem.acquire(blocking=False)
    return getattr(sem, what), lambda: sem.release(blocking=False)


def for_each_request(test):
    return by_policy(pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])(test))


def one_permit(what, fair):
    """A semaphore on which such a request waits."""
    return CountSemaphore(1, fair=fair) if what == "release_async" else taken(1, fair=fair)


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


# Requests as objects


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_nothing_happens_before_a_request_is_awaited(what):
    sem = taken(2, loose=1)

    request = getattr(sem, what)()
    assert counts(sem) == (1, 0, 1)
    assert sem.waiting == 0

    got = await request
    assert got and counts(sem) != (1, 0, 1)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_request_that_is_never_awaited_warns_with_its_name(what):
    sem = taken(2, loose=1)

    with pytest.warns(RuntimeWarning, match=rf"{what}' was never awaited"):
        getattr(sem, what)()
        gc.collect()

    assert counts(sem) == (1, 0, 1)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_request_awaited_twice_is_an_error(what):
    sem = taken(4, loose=2)
    request = getattr(sem, what)()

    got = await request
    after = sem.state()
    with pytest.raises(RuntimeError, match="already awaited"):
        await request

    assert sem.state() == after
    del got


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_waiting_request_that_is_dropped_leaves_the_queue(what):
    sem = one_permit(what, False)
    request, grant = verbs(sem, what)
    before = sem.state()
    dropped = request()
    dropped.send(None)
    assert sem.waiting == 1

    del dropped
    gc.collect()

    assert sem.state() == before


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
def test_a_request_awaited_outside_of_a_loop_is_an_error_and_takes_no_place(what):
    sem = one_permit(what, False)
    request, grant = verbs(sem, what)

    with pytest.raises(RuntimeError, match="no running event loop"):
        request().send(None)

    assert sem.waiting == 0


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_its_repr_tells_what_it_is(what):
    request = getattr(taken(2, loose=1), what)()

    assert what in repr(asyncio.ensure_future(request))
    await turns(3)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
def test_a_cycle_of_loop_task_and_semaphore_is_collected(what):
    class Mine(CountSemaphore):
        pass

    sem = Mine(1)
    if what != "release_async":
        sem.acquire()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def waits(sem):
        await getattr(sem, what)()

    task = loop.create_task(waits(sem))
    sem.loop, sem.task = loop, task
    loop.run_until_complete(turns(3))
    assert sem.waiting == 1
    weak = [weakref.ref(thing) for thing in (sem, loop, task)]
    loop.close()

    del sem, loop, task
    gc.collect()
    gc.collect()

    assert [ref() for ref in weak] == [None, None, None]


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
