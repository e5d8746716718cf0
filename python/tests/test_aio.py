"""`permits.aio`: drop-ins for asyncio's semaphores.

What both have to do alike runs against asyncio's own classes too (`door`), so that a test that asks for something else
than asyncio does fails at once. Where asyncio's class is older than its repair (CPython 3.9), ours alone is asked.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import gc
import inspect
import random
import re
import signal
import sys
import threading
import weakref

import pytest

import permits
from helpers_async import DEADLINE, LoopThread, background, eventually, in_loop, python, settled, turns

pytestmark = pytest.mark.timeout(30)

DOORS = [pytest.param(asyncio, id="asyncio"), pytest.param(permits.aio, id="permits")]
# Order, and grants that are passed on: asyncio keeps to them since its semaphore was rewritten (gh-90155).
REPAIRED = DOORS if sys.version_info >= (3, 10) else DOORS[1:]
CLASSES = ["Semaphore", "BoundedSemaphore"]

by_door = pytest.mark.parametrize("door", DOORS)
by_repaired = pytest.mark.parametrize("door", REPAIRED)
by_class = pytest.mark.parametrize("kind", CLASSES)


async def full(door, kind="Semaphore", value=1):
    """A semaphore with all its permits out."""
    sem = getattr(door, kind)(value)
    for _ in range(value):
        await sem.acquire()
    return sem


async def queued(sem, count):
    """That many tasks, which wait in this order."""
    tasks = [asyncio.create_task(sem.acquire()) for _ in range(count)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


# Order


@by_door
@by_class
@in_loop
async def test_grants_come_in_the_order_of_the_requests(door, kind):
    sem = await full(door, kind, 3)
    got = []

    async def taker(number):
        await sem.acquire()
        got.append(number)

    tasks = [asyncio.create_task(taker(number)) for number in range(60)]
    await asyncio.sleep(0)
    while len(got) < 60:
        sem.release()
        await turns(3)

    assert got == list(range(60))
    await asyncio.gather(*tasks)


@by_repaired
@in_loop
async def test_whoever_releases_and_acquires_again_queues_behind_those_who_wait(door):
    sem = await full(door)
    got = []

    async def again():
        await sem.acquire()
        got.append("first")
        sem.release()
        await sem.acquire()
        got.append("again")

    async def other():
        await sem.acquire()
        got.append("other")

    tasks = [asyncio.create_task(again()), asyncio.create_task(other())]
    await asyncio.sleep(0)
    sem.release()
    await turns(5)

    assert got == ["first", "other"]
    sem.release()
    await asyncio.gather(*tasks)
    assert got == ["first", "other", "again"]


@by_repaired
@in_loop
async def test_a_newcomer_does_not_pass_one_who_is_granted_and_not_yet_resumed(door):
    sem = await full(door)
    (first,) = await queued(sem, 1)
    sem.release()

    newcomer = asyncio.create_task(sem.acquire())
    await turns(5)

    assert first.done()
    assert not newcomer.done()
    sem.release()
    assert await newcomer is True


@by_repaired
@in_loop
async def test_a_newcomer_lets_those_resume_first_who_were_granted_before_though_one_is_free(door):
    sem = await full(door)
    got = []

    async def taker(number):
        await sem.acquire()
        got.append(number)

    granted = [asyncio.create_task(taker(number)) for number in range(2)]
    await asyncio.sleep(0)
    for _ in range(3):
        sem.release()
    # It runs at once, within the turn of the release.
    await taker("newcomer")

    assert got == [0, 1, "newcomer"]
    await asyncio.gather(*granted)


@in_loop
async def test_a_newcomer_that_is_cancelled_while_it_lets_others_resume_takes_nothing():
    # (asyncio's own adds a permit then, from CPython 3.10 to 3.12.)
    sem = await full(permits.aio)
    (granted,) = await queued(sem, 1)
    sem.release()
    sem.release()
    newcomer = sem.acquire()
    newcomer.send(None)

    with pytest.raises(asyncio.CancelledError):
        newcomer.throw(asyncio.CancelledError())
    await granted

    assert sem._value == 1 and not sem.locked()


@by_door
@in_loop
async def test_a_waiter_resumes_in_the_turn_that_follows_the_release(door):
    sem = await full(door)
    tasks = await queued(sem, 3)

    for task in tasks:
        sem.release()
        await asyncio.sleep(0)
        assert task.done()


@by_repaired
@in_loop
async def test_several_releases_in_one_turn_let_as_many_through_in_order(door):
    sem = door.Semaphore(0)
    got = []

    async def taker(number):
        await sem.acquire()
        got.append(number)

    tasks = [asyncio.create_task(taker(number)) for number in range(5)]
    await asyncio.sleep(0)
    for _ in range(3):
        sem.release()
    await turns(5)

    assert got == [0, 1, 2]
    assert sem.locked()
    sem.release()
    sem.release()
    await asyncio.gather(*tasks)
    assert got == [0, 1, 2, 3, 4]


@by_repaired
@in_loop
async def test_a_free_permit_is_taken_without_a_turn_of_the_loop(door):
    sem = door.Semaphore(2)
    ran = []
    asyncio.get_running_loop().call_soon(ran.append, 1)

    await sem.acquire()
    async with sem:
        pass

    assert not ran


# Cancel


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


# asyncio's ways to wait


@by_repaired
@in_loop
async def test_wait_for_times_out_and_leaves_no_trace(door):
    sem = await full(door)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(sem.acquire(), 0.01)

    sem.release()
    assert not sem.locked()
    assert await asyncio.wait_for(sem.acquire(), 1) is True


@by_door
@in_loop
async def test_wait_for_passes_a_grant_through(door):
    sem = await full(door)
    asyncio.get_running_loop().call_later(0.01, sem.release)

    assert await asyncio.wait_for(sem.acquire(), DEADLINE) is True
    assert sem.locked()


@by_repaired
@in_loop
async def test_wait_for_with_no_time_takes_what_is_free(door):
    sem = door.Semaphore(1)

    took = await asyncio.wait_for(sem.acquire(), 1)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(sem.acquire(), 0)

    assert took is True
    assert sem.locked()
    sem.release()
    assert sem._value == 1


@in_loop
async def test_a_grant_that_races_wait_for_is_in_exactly_one_place():
    sem = await full(permits.aio)
    loop = asyncio.get_running_loop()

    for round_ in range(200):
        loop.call_later(0.0005 + round_ % 5 * 0.0001, sem.release)
        try:
            await asyncio.wait_for(sem.acquire(), 0.0007)
            taken = True
        except asyncio.TimeoutError:
            taken = False
        assert await settled(lambda: sem._value == (0 if taken else 1)), (round_, taken, sem)
        if not taken:
            await sem.acquire()


@by_door
@in_loop
async def test_gather_takes_the_requests_themselves(door):
    sem = door.Semaphore(3)

    assert await asyncio.gather(*(sem.acquire() for _ in range(3))) == [True, True, True]
    assert sem.locked()


@by_door
@in_loop
async def test_create_task_and_ensure_future_take_a_request(door):
    sem = door.Semaphore(2)

    task = asyncio.create_task(sem.acquire())
    future = asyncio.ensure_future(sem.acquire())

    assert await task is True
    assert await future is True


@by_door
@in_loop
async def test_as_completed_and_wait_take_requests(door):
    sem = door.Semaphore(4)

    completed = [await next_ for next_ in asyncio.as_completed([sem.acquire(), sem.acquire()])]
    done, pending = await asyncio.wait([asyncio.ensure_future(sem.acquire()) for _ in range(2)])

    assert completed == [True, True]
    assert len(done) == 2 and not pending


def test_asyncio_run_takes_a_request():
    sem = permits.aio.Semaphore(1)

    assert asyncio.run(sem.acquire()) is True
    assert sem.locked()


@by_door
def test_run_coroutine_threadsafe_takes_a_request(door):
    with LoopThread() as other:
        sem = other.call(door.Semaphore, 1)

        assert other.submit(sem.acquire()).result(DEADLINE) is True


@by_door
@in_loop
async def test_a_request_counts_as_a_coroutine(door):
    sem = door.Semaphore(1)
    request = sem.acquire()

    assert isinstance(request, collections.abc.Coroutine)
    assert isinstance(request, collections.abc.Awaitable)
    assert asyncio.iscoroutine(request)
    assert inspect.isawaitable(request)
    await request


@by_door
@in_loop
async def test_a_task_of_a_request_can_be_shown(door, capsys):
    sem = await full(door)
    task = asyncio.create_task(sem.acquire(), name="waits-for-a-permit")
    await asyncio.sleep(0)

    shown = repr(task)
    stack = task.get_stack()
    task.print_stack(file=sys.stdout)

    assert "waits-for-a-permit" in shown and "acquire" in shown
    assert isinstance(stack, list)
    assert "waits-for-a-permit" in capsys.readouterr().out
    assert task in asyncio.all_tasks()
    sem.release()
    await task


@by_door
@in_loop
async def test_exit_stacks_enter_and_leave_it(door):
    sem = door.BoundedSemaphore(2)

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(sem)
        await stack.enter_async_context(sem)
        assert sem.locked()

    assert sem._value == 2


if sys.version_info >= (3, 11):

    @by_door
    @in_loop
    async def test_a_task_group_runs_requests_and_cancels_them_with_the_group(door):
        sem = door.Semaphore(1)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(sem.acquire())
        assert task.result() is True

        with pytest.raises(BaseExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                waits = group.create_task(sem.acquire())
                await asyncio.sleep(0)
                raise LookupError("the body fails")

        assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert waits.cancelled()
        sem.release()
        assert not sem.locked()

    @by_door
    @in_loop
    async def test_asyncio_timeout_ends_a_wait_in_async_with(door):
        sem = await full(door)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                async with sem:
                    raise AssertionError("nobody released it")

        sem.release()
        assert not sem.locked()


if sys.version_info >= (3, 12):

    @by_door
    def test_eager_tasks_take_what_is_free_at_once_and_wait_in_order(door):
        async def main():
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            sem = door.Semaphore(1)
            got = []

            async def worker(number):
                async with sem:
                    got.append(number)
                    await asyncio.sleep(0)

            free = asyncio.create_task(sem.acquire())
            assert free.done() and sem.locked()
            workers = [asyncio.create_task(worker(number)) for number in range(10)]
            sem.release()
            await asyncio.gather(*workers)
            assert got == list(range(10))
            assert not sem.locked()

        asyncio.run(main())


# Readings


@by_door
@by_class
@in_loop
async def test_locked_says_whether_a_request_would_have_to_wait(door, kind):
    sem = getattr(door, kind)(2)

    readings = [sem.locked()]
    for _ in range(2):
        await sem.acquire()
        readings.append(sem.locked())
    sem.release()
    readings.append(sem.locked())

    assert readings == [False, False, True, False]


@by_repaired
@in_loop
async def test_it_is_locked_while_a_granted_waiter_has_not_resumed(door):
    sem = door.Semaphore(0)
    (waiter,) = await queued(sem, 1)

    sem.release()
    sem.release()

    # One is free, and a newcomer would wait behind the one who was granted.
    assert sem.locked()
    await waiter
    assert not sem.locked()


@by_repaired
@in_loop
async def test_it_is_unlocked_when_all_that_waited_are_cancelled(door):
    sem = door.Semaphore(0)
    tasks = await queued(sem, 3)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sem.locked()
    sem.release()

    assert not sem.locked()


@by_door
@by_class
@in_loop
async def test_repr_tells_state_value_and_waiters(door, kind):
    sem = getattr(door, kind)(2)
    ends = [repr(sem)]
    await sem.acquire()
    ends.append(repr(sem))
    await sem.acquire()
    ends.append(repr(sem))
    tasks = await queued(sem, 2)
    ends.append(repr(sem))

    for shown, end in zip(ends, ["[unlocked, value:2]>", "[unlocked, value:1]>", "[locked]>", "[locked, waiters:2]>"]):
        assert shown.endswith(end), shown
        # What CPython's own test asks for.
        assert re.match(
            r"^<(?P<class>.*?) object at (?P<address>.*?)\[(?P<extras>(set|unset|locked|unlocked)"
            r"(, value:\d)?(, waiters:\d+)?)\]>\Z",
            shown,
        ), shown
        assert kind in shown
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_our_readings_tell_what_is_free_and_who_waits():
    async def main():
        sem = permits.aio.BoundedSemaphore(2)
        assert (sem.available, sem._value, sem.waiting) == (2, 2, 0)
        await sem.acquire(2)
        assert (sem.available, sem._value, sem.waiting) == (0, 0, 0)
        tasks = await queued(sem, 3)
        assert (sem.available, sem._value, sem.waiting) == (0, 0, 3)
        sem.release(2)
        await turns(3)
        assert (sem.available, sem._value, sem.waiting) == (0, 0, 1)
        sem.release()
        await asyncio.gather(*tasks)

    asyncio.run(main())


@by_door
@in_loop
async def test_the_semaphore_itself_cannot_be_awaited(door):
    sem = door.Semaphore(1)

    with pytest.raises(TypeError, match="object Semaphore can't be used in 'await' expression|can't be awaited"):
        await sem

    assert not sem.locked()


@by_door
@in_loop
async def test_it_is_no_plain_context_manager(door):
    sem = door.Semaphore(1)

    with pytest.raises((AttributeError, TypeError)):
        with sem:
            pass

    assert not sem.locked()


@by_door
@in_loop
async def test_async_with_yields_none(door):
    sem = door.Semaphore(1)

    async with sem as got:
        assert sem.locked()

    assert got is None
    assert not sem.locked()


@by_door
@in_loop
async def test_an_exception_leaves_async_with_and_the_permit_returns(door):
    sem = door.BoundedSemaphore(1)

    with pytest.raises(LookupError, match="from inside"):
        async with sem:
            raise LookupError("from inside")

    assert not sem.locked()


# Construction and release


@by_door
@by_class
@pytest.mark.parametrize("value", [-1, -sys.maxsize])
@in_loop
async def test_a_negative_value_is_refused(door, kind, value):
    with pytest.raises(ValueError, match="^Semaphore initial value must be >= 0$"):
        getattr(door, kind)(value)


@by_class
@pytest.mark.parametrize("value", [1.5, "1", None])
def test_a_value_that_is_no_integer_is_refused(kind, value):
    with pytest.raises(TypeError):
        getattr(permits.aio, kind)(value)


@by_class
def test_a_value_beyond_the_limit_is_an_overflow(kind):
    with pytest.raises(OverflowError):
        getattr(permits.aio, kind)(2**70)


@by_door
@in_loop
async def test_the_value_may_be_named_and_is_one_by_default(door):
    assert door.Semaphore()._value == 1
    assert door.BoundedSemaphore()._value == 1
    assert door.Semaphore(value=3)._value == 3
    assert door.BoundedSemaphore(value=3)._value == 3


@by_class
@in_loop
async def test_loop_is_an_argument_that_asyncio_of_this_version_takes_or_not(kind):
    loop = asyncio.get_running_loop()

    for door in asyncio, permits.aio:
        if sys.version_info < (3, 10):
            with pytest.warns(DeprecationWarning):
                sem = getattr(door, kind)(1, loop=loop)
            await sem.acquire()
            assert sem.locked()
        else:
            with pytest.raises(TypeError):
                getattr(door, kind)(1, loop=loop)


@by_door
@in_loop
async def test_a_release_that_nobody_took_grows_the_value(door):
    sem = door.Semaphore(1)

    sem.release()

    assert sem._value == 2
    await sem.acquire()
    await sem.acquire()
    assert sem.locked()


@by_door
@in_loop
async def test_a_bounded_semaphore_refuses_a_release_too_many(door):
    sem = door.BoundedSemaphore(2)
    await sem.acquire()
    sem.release()

    with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
        sem.release()

    assert sem._value == 2


@by_door
@in_loop
async def test_release_returns_none_and_acquire_true(door):
    sem = door.Semaphore(1)

    assert await sem.acquire() is True
    assert sem.release() is None


@by_door
@in_loop
async def test_a_bounded_semaphore_is_a_semaphore(door):
    assert issubclass(door.BoundedSemaphore, door.Semaphore)
    assert isinstance(door.BoundedSemaphore(1), door.Semaphore)


@by_door
@by_class
@in_loop
async def test_a_subclass_may_override_and_call_its_parent(door, kind):
    class Counted(getattr(door, kind)):
        def __init__(self, value, label):
            super().__init__(value)
            self.label = label
            self.acquired = self.released = 0

        async def acquire(self):
            self.acquired += 1
            return await super().acquire()

        def release(self):
            self.released += 1
            return super().release()

    sem = Counted(1, label="mine")
    async with sem:
        assert sem.locked()

    assert (sem.label, sem.acquired, sem.released) == ("mine", 1, 1)
    assert "Counted" in repr(sem)


@by_door
@by_class
@in_loop
async def test_it_has_weak_references_and_attributes(door, kind):
    sem = getattr(door, kind)(1)
    sem.note = "mine"
    weak = weakref.ref(sem)

    assert weak() is sem and sem.note == "mine"
    del sem
    gc.collect()
    assert weak() is None


# n, permit, close: what asyncio's has not


@in_loop
async def test_a_request_for_several_takes_all_at_once_or_none():
    sem = permits.aio.Semaphore(2)
    await sem.acquire()

    task = asyncio.create_task(sem.acquire(2))
    await turns(3)
    assert not task.done() and sem.available == 1
    sem.release()

    assert await task is True
    assert sem.available == 0


@in_loop
async def test_release_of_several_grants_all_that_it_reaches():
    sem = permits.aio.Semaphore(0)
    tasks = await queued(sem, 3)

    sem.release(2)
    await turns(3)

    assert [task.done() for task in tasks] == [True, True, False]
    sem.release()
    await tasks[2]


@in_loop
async def test_a_bounded_release_of_several_is_all_or_nothing():
    sem = permits.aio.BoundedSemaphore(3)
    await sem.acquire(2)

    with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
        sem.release(3)

    assert sem.available == 1
    sem.release(2)
    assert sem.available == 3


@in_loop
async def test_more_than_a_bounded_semaphore_has_is_an_error_at_once():
    sem = permits.aio.BoundedSemaphore(2)

    with pytest.raises(permits.TooManyError, match="3.*2"):
        await sem.acquire(3)
    with pytest.raises(permits.TooManyError):
        await sem.permit(3)

    assert sem.available == 2 and sem.waiting == 0


@pytest.mark.parametrize("n, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError)])
@in_loop
async def test_a_release_of_a_bad_number_changes_nothing(n, error):
    sem = permits.aio.Semaphore(1)

    with pytest.raises(error):
        sem.release(n)

    assert sem.available == 1


@pytest.mark.parametrize("n, error", [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
@in_loop
async def test_an_acquire_of_a_bad_number_changes_nothing(n, error):
    sem = permits.aio.Semaphore(1)

    with pytest.raises(error):
        await sem.acquire(n)

    assert sem.available == 1 and sem.waiting == 0


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
    tasks.append(asyncio.create_task(_awaited(sem.permit())))
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


async def _awaited(awaitable):
    return await awaitable


# Requests as objects


@by_door
@in_loop
async def test_nothing_happens_before_a_request_is_awaited(door):
    sem = door.Semaphore(1)

    request = sem.acquire()
    assert not sem.locked()

    await request
    assert sem.locked()


@by_door
@in_loop
async def test_a_request_that_is_never_awaited_warns_and_takes_nothing(door):
    sem = door.Semaphore(1)

    with pytest.warns(RuntimeWarning, match=r"acquire' was never awaited"):
        sem.acquire()
        gc.collect()

    assert not sem.locked()


@in_loop
async def test_a_permit_request_that_is_never_awaited_warns_and_takes_nothing():
    sem = permits.aio.Semaphore(1)

    with pytest.warns(RuntimeWarning, match="never awaited"):
        sem.permit()
        gc.collect()

    assert not sem.locked()


@by_door
@in_loop
async def test_a_request_closed_before_it_was_awaited_does_not_warn(door, recwarn):
    sem = door.Semaphore(1)

    request = sem.acquire()
    request.close()
    del request
    gc.collect()

    assert not recwarn.list
    assert not sem.locked()


@by_door
@in_loop
async def test_a_request_awaited_twice_is_an_error_and_takes_one_permit(door):
    sem = door.Semaphore(2)
    request = sem.acquire()

    assert await request is True
    with pytest.raises(RuntimeError, match="cannot reuse (an )?already awaited"):
        await request

    assert sem._value == 1


@by_door
@in_loop
async def test_a_request_awaited_by_two_tasks_at_once_is_an_error_for_the_second(door):
    sem = await full(door)
    request = sem.acquire()
    first = asyncio.create_task(_awaited(request))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="being awaited already"):
        await request

    sem.release()
    assert await first is True
    assert sem.locked()


@by_door
@in_loop
async def test_a_free_request_driven_by_hand_stops_with_true(door):
    sem = door.Semaphore(1)

    with pytest.raises(StopIteration) as stopped:
        sem.acquire().send(None)

    assert stopped.value.value is True
    assert sem.locked()


@by_door
@in_loop
async def test_an_error_thrown_into_a_fresh_request_comes_out_and_nothing_is_taken(door):
    sem = door.Semaphore(1)
    request = sem.acquire()

    with pytest.raises(LookupError, match="thrown"):
        request.throw(LookupError("thrown"))

    assert not sem.locked()


@by_repaired
@in_loop
async def test_an_error_thrown_into_a_waiting_request_comes_out_and_leaves_the_queue(door):
    sem = await full(door)
    request = sem.acquire()
    request.send(None)

    with pytest.raises(LookupError, match="thrown"):
        request.throw(LookupError("thrown"))

    sem.release()
    assert not sem.locked()


@by_repaired
@in_loop
async def test_a_waiting_request_that_is_closed_leaves_the_queue(door):
    sem = await full(door)
    request = sem.acquire()
    request.send(None)

    request.close()

    sem.release()
    assert not sem.locked()


@in_loop
async def test_a_granted_request_that_is_closed_passes_its_grant_on():
    sem = await full(permits.aio)
    request = sem.acquire()
    request.send(None)
    (behind,) = await queued(sem, 1)
    sem.release()

    request.close()

    assert await asyncio.wait_for(behind, 1) is True


@in_loop
async def test_a_waiting_request_that_is_dropped_leaves_the_queue():
    sem = await full(permits.aio)
    request = sem.acquire()
    request.send(None)
    assert sem.waiting == 1

    del request
    gc.collect()

    assert sem.waiting == 0
    sem.release()
    assert sem.available == 1


# Loops that end, and what is left


def step(loop, turns_=3):
    loop.run_until_complete(turns(turns_))


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


# Who releases


@by_door
@pytest.mark.parametrize("way", ["call_soon", "call_later", "call_at"])
@in_loop
async def test_a_callback_of_the_loop_may_release(door, way):
    sem = await full(door)
    loop = asyncio.get_running_loop()
    (task,) = await queued(sem, 1)

    if way == "call_soon":
        loop.call_soon(sem.release)
    elif way == "call_later":
        loop.call_later(0.001, sem.release)
    else:
        loop.call_at(loop.time() + 0.001, sem.release)

    assert await asyncio.wait_for(task, DEADLINE) is True


@by_door
@in_loop
async def test_a_done_callback_of_a_task_may_release(door):
    sem = await full(door)
    first, second = await queued(sem, 2)
    first.add_done_callback(lambda _: sem.release())

    sem.release()

    assert await asyncio.wait_for(second, DEADLINE) is True


def test_a_thread_wakes_a_loop_that_sleeps():
    sem = permits.aio.Semaphore(0)

    async def main():
        releaser = background(lambda: eventually(lambda: sem.waiting == 1) and sem.release())
        # No timer is due, so the loop sleeps until it is woken.
        took = await sem.acquire()
        releaser.result(DEADLINE)
        return took

    assert asyncio.run(main()) is True


@by_door
@in_loop
async def test_a_signal_handler_of_the_loop_may_release(door):
    sem = await full(door)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, sem.release)
    (task,) = await queued(sem, 1)

    signal.raise_signal(signal.SIGUSR1)

    try:
        assert await asyncio.wait_for(task, DEADLINE) is True
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


SIGNAL_WHILE_ASLEEP = """
import asyncio, os, signal, sys, threading, time
import permits

sem = permits.aio.Semaphore(0)
signal.signal(signal.SIGUSR1, lambda *_: sem.release())

def state(pid):
    # "S": it sleeps, in select, as nothing else in the loop waits.
    with open(f"/proc/self/task/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]

def asleep(seen, pid=os.getpid()):
    return sem.waiting == 1 and state(pid) == "S"

def fire():
    # Asleep in several looks on end, so it is in `select` and not in a wait for the GIL.
    seen = 0
    while seen < 20:
        seen = seen + 1 if asleep(seen) else 0
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)

async def main():
    threading.Thread(target=fire, daemon=True).start()
    # No timer is due: nothing but the release can wake the loop.
    return await sem.acquire()

print(asyncio.run(main()))
"""


def test_a_python_signal_handler_may_release_while_the_loop_sleeps():
    assert python(SIGNAL_WHILE_ASLEEP) == "True\n"


INTERRUPTED = """
import asyncio, os, signal, threading, time
import permits

sem = permits.aio.Semaphore(0)

def fire():
    while sem.waiting < 3:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

async def main():
    threading.Thread(target=fire, daemon=True).start()
    await asyncio.gather(*(sem.acquire() for _ in range(3)))

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sem.release()
    print("interrupted", sem.waiting, sem.available)
"""


def test_ctrl_c_ends_asyncio_run_and_leaves_no_waiter():
    assert python(INTERRUPTED) == "interrupted 0 1\n"


# uvloop


def uvloops():
    try:
        import uvloop
    except ModuleNotFoundError:
        pytest.fail("uvloop is missing, one of the loops that people run: `pip install uvloop`", pytrace=False)
    return uvloop.new_event_loop()


def test_uvloop_keeps_the_order_and_passes_cancelled_grants_on():
    loop = uvloops()
    got = []

    async def main():
        sem = await full(permits.aio)

        async def taker(number):
            await sem.acquire()
            got.append(number)
            sem.release()

        tasks = [asyncio.ensure_future(taker(number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[7].cancel()
        sem.release()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (sem.available, sem.waiting) == (1, 0)

    loop.run_until_complete(asyncio.wait_for(main(), DEADLINE))
    loop.close()

    assert got == [number for number in range(20) if number not in (0, 7)]


def test_uvloop_is_woken_by_other_threads():
    sem = permits.aio.Semaphore(0)
    threads_before = threading.active_count()

    with LoopThread(uvloops) as other:
        for _ in range(50):
            task = other.submit(sem.acquire())
            assert eventually(lambda: sem.waiting == 1)
            sem.release()
            assert task.result(DEADLINE) is True

    assert threading.active_count() == threads_before
    assert (sem.available, sem.waiting) == (0, 0)


def test_uvloop_and_asyncio_share_one_queue():
    sem = permits.aio.Semaphore(0)
    got = []

    async def taker(number):
        await sem.acquire()
        got.append(number)
        sem.release()

    with LoopThread(uvloops) as one, LoopThread() as other:
        tasks = []
        for number in range(10):
            tasks.append((one if number % 2 else other).submit(taker(number)))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for task in tasks:
            task.result(DEADLINE)

    assert got == list(range(10))


def test_the_waiters_of_a_closed_uvloop_are_passed_over():
    sem = permits.aio.Semaphore(0)
    dead = uvloops()
    dead.set_exception_handler(lambda *_: None)
    lost = dead.create_task(sem.acquire())
    step(dead)
    dead.close()

    sem.release()

    assert asyncio.run(sem.acquire()) is True
    assert not lost.done()
