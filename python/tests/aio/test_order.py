"""The order in which tasks get their permits, and the turn of the loop in which they resume."""

from __future__ import annotations

import asyncio

import pytest

import permits
from aio.conftest import by_class, by_door, by_repaired, full, queued
from helpers_async import in_loop, turns

pytestmark = pytest.mark.timeout(30)


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
