"""Readings, and `async with`, the only way to enter a semaphore."""

from __future__ import annotations

import asyncio
import re

import pytest

import permits
from aio.conftest import by_class, by_door, by_repaired, queued
from helpers_async import in_loop, turns

pytestmark = pytest.mark.timeout(30)


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
