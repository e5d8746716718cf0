"""The loops of uvloop: order, cancel, wakes by other threads, close."""

from __future__ import annotations

import asyncio
import threading

import pytest

import permits
from aio.conftest import full, step
from helpers_async import DEADLINE, LoopThread, eventually

pytestmark = pytest.mark.timeout(30)


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
