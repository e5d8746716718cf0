"""Loops that stop and run again, and one `asyncio.run` after another (C17)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from helpers_async import DEADLINE, LoopThread, background, eventually
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)


def test_a_loop_that_is_stopped_and_run_again_finds_its_grant():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()

    with LoopThread() as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 1)
        loop.stop()

        sem.release()
        assert sem.waiting == 0
        assert not task.done()
        loop.start()

        assert task.result(DEADLINE) is True


def test_one_object_serves_one_asyncio_run_after_another_while_threads_wait():
    sem = CountSemaphore(2)
    stop = threading.Event()

    def keeps_on():
        while not stop.is_set():
            with sem:
                pass
        return True

    async def contended():
        async def worker():
            async with sem:
                await asyncio.sleep(0)

        await asyncio.gather(*(worker() for _ in range(10)))

    threads = [background(keeps_on) for _ in range(2)]
    for _ in range(20):
        asyncio.run(asyncio.wait_for(contended(), DEADLINE))
    stop.set()

    assert all(thread.result(DEADLINE) for thread in threads)
    assert (sem.available, sem.given_out, sem.waiting) == (2, 0, 0)


def test_asyncio_run_that_ends_with_waiters_leaves_none():
    sem = CountSemaphore(1)
    sem.acquire()

    async def leaves_tasks_behind():
        tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(5)]
        await asyncio.sleep(0)
        assert sem.waiting == 5
        return tasks

    # It cancels what is left.
    tasks = asyncio.run(leaves_tasks_behind())

    assert all(task.cancelled() for task in tasks)
    assert sem.waiting == 0
    sem.release()
    assert sem.available == 1
