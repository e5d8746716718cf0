"""No thread and no runtime is started for those that wait."""

from __future__ import annotations

import threading

import pytest

from helpers_async import DEADLINE, eventually, python
from mixed.conftest import two_loops
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)

NO_THREADS = """
import asyncio, os, threading
import permits

def threads():
    return len(os.listdir("/proc/self/task")), threading.active_count()

before = threads()
seen = {before}

async def main(sem, acquire):
    tasks = [asyncio.ensure_future(acquire()) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0.01)
        seen.add(threads())
    for task in tasks:
        sem.release()
        await task
        seen.add(threads())

for sem in permits.CountSemaphore(1), permits.Semaphore(1), permits.BoundedSemaphore(1):
    sem.acquire()
    asyncio.run(main(sem, sem.acquire_async))
    sem.acquire(timeout=0.05)
    seen.add(threads())
for sem in permits.aio.Semaphore(0), :
    asyncio.run(main(sem, sem.acquire))
seen.add(threads())
print(seen == {(1, 1)}, sorted(seen))
"""


def test_no_thread_is_started():
    assert python(NO_THREADS) == "True [(1, 1)]\n"


def test_no_thread_is_added_while_threads_and_loops_wait():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        before = threading.active_count()
        waits = [one.submit(sem.acquire_async()) for _ in range(10)] + [other.submit(sem.acquire_async())]
        assert eventually(lambda: sem.waiting == 11)
        assert threading.active_count() == before

        for _ in waits:
            sem.release()
        for future in waits:
            assert future.result(DEADLINE) is True
        assert threading.active_count() == before
