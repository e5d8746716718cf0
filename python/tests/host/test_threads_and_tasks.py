"""The threads and tasks of one process: what a `HostSemaphore` has in common with a `CountSemaphore`."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

import permits
from helpers_async import DEADLINE, LoopThread, background, eventually, in_loop, python, settled, turns
from host.conftest import NAME, counts, may_fork
from permits import HostSemaphore

pytestmark = may_fork


def test_both_verbs_try_and_time_out(opened):
    sem = opened(1)

    assert sem.release(blocking=False) is False
    assert sem.release(timeout=0.01) is False
    assert sem.acquire(False) is True
    assert sem.acquire(False) is False
    began = time.monotonic()
    assert sem.acquire(timeout=0.1) is False
    assert time.monotonic() - began >= 0.1
    with pytest.raises(permits.WouldBlockError):
        sem.permit(blocking=False)
    with pytest.raises(permits.WaitTimeoutError):
        sem.permit(timeout=0.01)
    assert counts(sem) == (0, 0, 1)
    assert sem.waiting == 0


def test_with_and_permits_hold(opened):
    sem = opened(3)

    with sem:
        assert counts(sem) == (2, 1, 0)
        assert sem.release(blocking=False) is False
        with sem.permit(2) as permit:
            assert (permit.count, counts(sem)) == (2, (0, 3, 0))
    assert counts(sem) == (3, 0, 0)

    permit = sem.permit(3)
    part = permit.split(2)
    permit.release()
    assert counts(sem) == (1, 2, 0)
    part.forget()
    assert counts(sem) == (1, 0, 2)
    sem.release(2)
    assert counts(sem) == (3, 0, 0)


def test_a_dropped_permit_returns(opened):
    sem = opened(1)
    permit = sem.permit()
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 1)

    del permit
    gc.collect()

    assert waits.result(DEADLINE) is True


def test_threads_of_one_process_are_limited_to_max(opened):
    sem, guard = opened(2), threading.Lock()
    inside = most = 0

    def worker():
        nonlocal inside, most
        for _ in range(30):
            with sem:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0)
                with guard:
                    inside -= 1

    for done in [background(worker) for _ in range(6)]:
        done.result(DEADLINE)

    assert most <= 2
    assert counts(sem) == (2, 0, 0)


@in_loop
async def test_tasks_wait_in_both_queues(directory):
    sem = HostSemaphore(NAME, 1, directory=directory)
    release = asyncio.ensure_future(sem.release_async())
    assert await settled(lambda: sem.waiting_releasers == 1)
    assert await sem.acquire_async() is True
    assert await release is True

    async with sem.permit_async() as permit:
        waits = asyncio.ensure_future(sem.acquire_async())
        assert await settled(lambda: sem.waiting_acquirers == 1)
        assert (permit.count, sem.loose) == (1, 0)
    assert await waits is True
    sem.release()
    async with sem as got:
        assert counts(sem) == (0, 1, 0)

    assert got is None
    assert counts(sem) == (1, 0, 0)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_cancelled_task_leaves_no_trace(directory, what):
    sem = HostSemaphore(NAME, 1, directory=directory)
    if what != "release_async":
        sem.acquire()
    before = sem.state()
    tasks = [asyncio.ensure_future(getattr(sem, what)()) for _ in range(3)]
    assert await settled(lambda: sem.waiting == 3)

    for task in tasks[1], tasks[0], tasks[2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert all(task.cancelled() for task in tasks)
    assert sem.state() == before
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(getattr(sem, what)(), 0.005)
    assert sem.state() == before


@in_loop
async def test_a_granted_task_that_is_cancelled_passes_its_grant_on(directory):
    sem = HostSemaphore(NAME, 1, directory=directory)
    sem.acquire()
    first, second = (asyncio.ensure_future(sem.acquire_async()) for _ in range(2))
    assert await settled(lambda: sem.waiting == 2)

    sem.release()
    first.cancel()

    assert await asyncio.wait_for(second, DEADLINE) is True
    assert first.cancelled()
    assert counts(sem) == (0, 0, 1) and sem.waiting == 0


def test_threads_and_loops_are_served_in_the_order_of_their_coming(opened):
    sem, got = opened(1), []
    sem.acquire()

    def thread(number):
        with sem:
            got.append(number)

    async def task(number):
        async with sem:
            got.append(number)

    with LoopThread() as one, LoopThread() as other:
        done = []
        for number in range(15):
            way = number % 3
            done.append(background(thread, number) if way == 0 else (one if way == 1 else other).submit(task(number)))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(15))


def test_a_closed_loop_passes_its_grants_on(opened):
    sem = opened(1)
    sem.acquire()
    dead = asyncio.new_event_loop()
    dead.set_exception_handler(lambda *_: None)
    lost = dead.create_task(sem.acquire_async())
    dead.run_until_complete(turns(3))
    assert eventually(lambda: sem.waiting == 1)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    dead.close()

    sem.release()

    assert waits.result(DEADLINE) is True
    assert not lost.done()


CLOSED_LOOP = """
import asyncio, subprocess, sys, time
import permits

sem = permits.HostSemaphore("of the test", 1, directory=sys.argv[1])
held = sem.permit()
loop = asyncio.new_event_loop()
loop.set_exception_handler(lambda *_: None)

async def wait():
    async with sem:
        pass

async def main():
    task = loop.create_task(wait())
    while sem.waiting == 0:
        await asyncio.sleep(0)
    return task

lost = loop.run_until_complete(main())
held.release()
# Granted: the permit is not free.
while sem.waiting:
    time.sleep(0.001)
seen = sem.available
loop.close()
program = "import permits, sys; print(permits.HostSemaphore('of the test', 1, directory=sys.argv[1]).acquire(timeout=10))"
print(seen, lost.done(), subprocess.check_output([sys.executable, "-c", program, sys.argv[1]], text=True))
"""


def test_grant_of_a_host_semaphore_to_a_loop_that_is_closed_goes_to_another_process(tmp_path):
    assert python(CLOSED_LOOP, tmp_path).split() == ["0", "False", "True"]
