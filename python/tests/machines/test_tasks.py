"""`EtcdSemaphore` among tasks: the loop runs on while they wait."""

from __future__ import annotations

import asyncio
import functools
import gc

import pytest

import permits
from conftest import wait_until
from helpers_async import LoopThread
from machines.conftest import SOON, counts


def in_loop(test):
    """An `async def` test, run by `asyncio.run`, with a deadline of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), SOON))

    return run


async def until(condition):
    """Polls by a thread, since a reading waits for a server."""
    await asyncio.to_thread(wait_until, condition, SOON)


@in_loop
async def test_the_loop_runs_on_while_a_task_waits(opened):
    sem = opened(1)
    other = await asyncio.to_thread(opened)
    permit = await sem.permit_async()
    waiting = asyncio.create_task(other.permit_async())

    await until(lambda: sem.waiting == 1)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not waiting.done()
    permit.release()

    async with await waiting as granted:
        assert granted.token > 0


@in_loop
async def test_release_waits_for_an_acquire_of_another_task(opened):
    giver, taker = opened(1), opened()
    giving = asyncio.create_task(giver.release_async())
    await until(lambda: taker.waiting_releasers == 1)
    assert not giving.done()

    assert await taker.acquire_async() is True

    assert await giving is True
    assert await asyncio.to_thread(counts, taker) == (1, 0, 0)


@in_loop
async def test_cancelled_wait_gives_its_place_to_the_next(opened):
    sem, other = opened(2), opened()
    permit = await sem.permit_async()
    ahead = asyncio.create_task(sem.permit_async(2))
    await until(lambda: other.waiting == 1)
    behind = asyncio.create_task(other.permit_async())
    await until(lambda: other.waiting == 2)

    ahead.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ahead

    assert (await behind).count == 1
    permit.release()
    await until(lambda: other.waiting == 0 and counts(other) == (1, 1, 0))


@in_loop
async def test_wait_that_times_out_leaves_no_trace(opened):
    sem, other = opened(1), opened()
    async with sem:
        for request in (sem.acquire_async, sem.permit_async, other.permit_async, sem.release_async):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(request(), 0.02)
        await until(lambda: counts(other) == (0, 1, 0) and other.waiting == 0)

    await until(lambda: counts(other) == (1, 0, 0))


@in_loop
async def test_many_tasks_are_never_more_than_there_are_permits(opened):
    sems, inside, most = [opened(3), opened()], 0, 0
    full = asyncio.Event()

    async def work(sem):
        nonlocal inside, most
        async with sem:
            inside += 1
            most = max(most, inside)
            # The first three stay until all others wait, however slow the machine is.
            if inside == 3 and not full.is_set():
                await until(lambda: counts(sem) == (0, 3, 0) and sem.waiting == 37)
                full.set()
            await asyncio.wait_for(full.wait(), 2 * SOON)
            inside -= 1

    await asyncio.gather(*(work(sems[number % 2]) for number in range(40)))

    assert (inside, most) == (0, 3)


@in_loop
async def test_task_is_told_of_a_loss(own_server):
    sem = await asyncio.to_thread(permits.connect, own_server.address("told"), 2, ttl=5)
    permit = await sem.permit_async()
    told = asyncio.create_task(permit.lost_async())
    given_up = asyncio.create_task(permit.lost_async())
    await asyncio.sleep(0)
    given_up.cancel()

    with pytest.raises(permits.LostError):
        async with sem:
            # Both are lost in the same instant: their lease ends.
            own_server.stop()
            assert await told is True
            own_server.go_on()

    assert permit.lost() and given_up.cancelled()
    # It is lost already.
    assert await permit.lost_async() is True
    with pytest.raises(permits.LostError):
        permit.release()
    with pytest.raises(ValueError, match="holds no permits"):
        permit.lost_async()


@in_loop
async def test_waiting_for_a_loss_does_not_hold_the_permit(opened):
    sem, other = opened(1), opened()
    told = asyncio.create_task((await sem.permit_async()).lost_async())
    await asyncio.sleep(0)

    gc.collect()

    await until(lambda: counts(other) == (1, 0, 0))
    assert not told.done()
    told.cancel()


def test_closed_loop_gives_up_the_places_of_its_tasks(opened):
    sem, other = opened(1), opened()
    permit = sem.permit()
    running = LoopThread()

    async def wait():
        await sem.permit_async()

    running.submit(wait())
    wait_until(lambda: other.waiting == 1, SOON)
    running.stop()
    running.loop.close()
    gc.collect()

    wait_until(lambda: other.waiting == 0, SOON)
    permit.release()
    wait_until(lambda: counts(other) == (1, 0, 0), SOON)
