"""Crowds of threads and tasks: they leave the queue in any order, and never hold more than permitted."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time

import pytest

import permits
from helpers_async import DEADLINE, background, quiet, turns
from mixed.conftest import two_loops
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("kind", ["CountSemaphore", "aio.Semaphore"])
def test_ten_thousand_waiting_tasks_are_cancelled_in_any_order(kind):
    count = 10_000
    sem = permits.aio.Semaphore(0) if kind == "aio.Semaphore" else CountSemaphore(1)
    request = sem.acquire if kind == "aio.Semaphore" else sem.acquire_async
    if kind == "CountSemaphore":
        sem.acquire()

    async def main():
        tasks = [asyncio.ensure_future(request()) for _ in range(count)]
        await asyncio.sleep(0)
        assert sem.waiting == count
        order = tasks[:]
        random.Random(7).shuffle(order)
        # The last ten stay, in whatever places they have.
        for task in order[:-10]:
            task.cancel()
        await asyncio.gather(*order[:-10], return_exceptions=True)
        assert sem.waiting == 10
        got = []
        left = [task for task in tasks if task in set(order[-10:])]
        for task in left:
            task.add_done_callback(got.append)
        for _ in left:
            sem.release()
            await turns(3)
        assert got == left

    began = time.monotonic()
    asyncio.run(main())

    # A cancel that walks the queue would take a minute.
    assert time.monotonic() - began < 10
    assert sem.waiting == 0


def test_three_hundred_thousand_requests_leave_the_queue_in_any_order():
    count = 300_000
    sem = CountSemaphore(1)
    sem.acquire()

    async def main():
        requests = [sem.acquire_async() for _ in range(count)]
        for request in requests:
            request.send(None)
        assert sem.waiting == count
        survivor = requests.pop(count // 2)
        random.Random(8).shuffle(requests)
        for request in requests:
            request.close()
        assert sem.waiting == 1
        sem.release()
        with pytest.raises(StopIteration):
            survivor.send(None)

    asyncio.run(main())

    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)


@pytest.mark.parametrize("end", ["closed loop", "cancelled", "close"])
def test_fifty_thousand_waiters_are_passed_over_in_one_release(end):
    count = 50_000
    sem = CountSemaphore(1)
    sem.acquire()
    loop = quiet(asyncio.new_event_loop())
    requests = [sem.acquire_async() for _ in range(count)]

    async def queue():
        for request in requests:
            request.send(None)

    async def cancel():
        tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(count)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        # None of them has run since, so each is found out by the one before it.
        sem.release()
        assert (sem.available, sem.waiting) == (1, 0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)

    if end == "cancelled":
        for request in requests:
            request.close()
        loop.run_until_complete(cancel())
        loop.close()
    else:
        loop.run_until_complete(queue())
        assert sem.waiting == count
        if end == "closed loop":
            loop.close()
            sem.release()
        else:
            sem.close()
            with pytest.raises(permits.ClosedError):
                requests[-1].send(None)
            sem.release()
            loop.close()

    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


def test_requests_may_be_closed_by_any_thread_while_they_are_granted():
    sem = CountSemaphore(1)
    sem.acquire()
    loop = quiet(asyncio.new_event_loop())
    requests = [sem.acquire_async() for _ in range(4000)]

    async def queue():
        for request in requests:
            request.send(None)

    def closes(mine):
        for request in mine:
            request.close()

    loop.run_until_complete(queue())
    threads = [background(closes, requests[number::3]) for number in range(3)]
    while not all(thread.done() for thread in threads):
        sem.release(blocking=False)
    for thread in threads:
        thread.result(DEADLINE)
    sem.release(blocking=False)
    loop.close()

    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


@pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])
def test_threads_and_loops_together_never_hold_more_than_permitted(fair):
    sem = CountSemaphore(3, fair=fair)
    guard = threading.Lock()
    inside = most = passed = 0

    def enter(n):
        nonlocal inside, most
        with guard:
            inside += n
            most = max(most, inside)

    def leave(n):
        nonlocal inside, passed
        with guard:
            inside -= n
            passed += 1

    def thread(seed):
        dice = random.Random(seed)
        for _ in range(150):
            n = dice.randrange(1, 4)
            with sem.permit(n):
                enter(n)
                leave(n)

    async def task(seed):
        dice = random.Random(seed)
        for _ in range(15):
            n = dice.randrange(1, 4)
            async with sem.permit_async(n):
                enter(n)
                await turns(dice.randrange(2))
                leave(n)

    with two_loops() as (one, other):
        done = [background(thread, seed) for seed in range(3)]
        done += [loop.submit(task(seed)) for seed in range(10) for loop in (one, other)]
        for future in done:
            future.result(DEADLINE)

    assert most <= 3 and inside == 0
    assert passed == 3 * 150 + 20 * 15
    assert (sem.available, sem.given_out, sem.waiting) == (3, 0, 0)


def test_cancels_and_timeouts_of_threads_and_tasks_lose_no_permit():
    sem = CountSemaphore(2)
    over = threading.Event()

    def thread(seed):
        dice = random.Random(seed)
        while not over.is_set():
            if sem.acquire(timeout=dice.random() * 0.001):
                assert sem.release(blocking=False)

    async def task(seed):
        dice = random.Random(seed)
        while not over.is_set():
            try:
                async with await asyncio.wait_for(sem.permit_async(), dice.random() * 0.001):
                    await asyncio.sleep(0)
            except asyncio.TimeoutError:
                pass

    with two_loops() as (one, other):
        done = [background(thread, seed) for seed in range(2)]
        done += [loop.submit(task(seed)) for seed in range(4) for loop in (one, other)]
        over.wait(1.5)
        over.set()
        for future in done:
            future.result(DEADLINE)
    gc.collect()

    assert (sem.available, sem.given_out, sem.waiting) == (2, 0, 0)
