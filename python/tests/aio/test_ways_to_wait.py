"""asyncio's ways to wait take a request: `wait_for`, `gather`, tasks, task groups, exit stacks."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import inspect
import sys

import pytest

import permits
from aio.conftest import by_door, by_repaired, full
from helpers_async import DEADLINE, LoopThread, in_loop, settled

pytestmark = pytest.mark.timeout(30)


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
