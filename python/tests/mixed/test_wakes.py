"""Each kind of waiter is woken by each kind of releaser: threads, tasks, handlers of signals."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

import permits
from helpers_async import DEADLINE, LoopThread, background, eventually, settled
from mixed.conftest import two_loops
from permits import CountSemaphore

pytestmark = pytest.mark.timeout(30)

WAITERS = ["thread", "thread with a timeout", "task", "guarded task"]
HANDS = [
    "thread",
    "with of a thread",
    "permit of a thread",
    "task of the same loop",
    "callback of the same loop",
    "task of another loop",
]


@pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("waiter", WAITERS)
def test_whoever_waits_is_woken_by_whoever_returns(waiter, hand, fair):
    sem = CountSemaphore(1, fair=fair)
    taken, leave = threading.Event(), threading.Event()

    def holds():
        if hand == "with of a thread":
            with sem:
                taken.set()
                assert leave.wait(DEADLINE)
        else:
            with sem.permit():
                taken.set()
                assert leave.wait(DEADLINE)

    async def guarded():
        async with sem:
            return True

    with two_loops() as (one, other):
        if hand.endswith("of a thread"):
            holder = background(holds)
            assert taken.wait(DEADLINE)
        else:
            sem.acquire()

        if waiter == "thread":
            waits = background(sem.acquire)
        elif waiter == "thread with a timeout":
            waits = background(sem.acquire, 1, DEADLINE)
        elif waiter == "task":
            waits = one.submit(sem.acquire_async())
        else:
            waits = one.submit(guarded())
        assert eventually(lambda: sem.waiting_acquirers == 1)

        if hand == "thread":
            background(sem.release).result(DEADLINE)
        elif hand.endswith("of a thread"):
            leave.set()
            holder.result(DEADLINE)
        elif hand == "task of the same loop":
            one.submit(sem.release_async()).result(DEADLINE)
        elif hand == "callback of the same loop":
            one.call(sem.release)
        else:
            other.submit(sem.release_async()).result(DEADLINE)

        assert waits.result(DEADLINE) is True
    assert sem.waiting == 0


@pytest.mark.parametrize("taker", ["thread", "task of the same loop", "task of another loop", "forgotten permit"])
@pytest.mark.parametrize("giver", ["thread", "thread with a timeout", "task"])
def test_whoever_waits_to_return_is_let_through_by_whoever_takes(giver, taker):
    sem = CountSemaphore(1)

    with two_loops() as (one, other):
        if giver == "thread":
            waits = background(sem.release)
        elif giver == "thread with a timeout":
            waits = background(sem.release, 1, DEADLINE)
        else:
            waits = one.submit(sem.release_async())
        assert eventually(lambda: sem.waiting_releasers == 1)

        if taker == "thread":
            background(sem.acquire).result(DEADLINE)
        elif taker == "task of the same loop":
            one.submit(sem.acquire_async()).result(DEADLINE)
        elif taker == "task of another loop":
            other.submit(sem.acquire_async()).result(DEADLINE)
        else:
            permit = sem.permit()
            # A held permit lets no release through.
            assert not waits.done() and sem.waiting_releasers == 1
            permit.forget()

        assert waits.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


def test_the_exercise_with_a_thread_and_a_task():
    sem = CountSemaphore(1)
    said = []

    async def taker():
        for _ in range(3):
            await sem.acquire_async()
            said.append("acquiring")

    def giver():
        for _ in range(3):
            assert eventually(lambda: sem.given_out == 1 and len(said) % 2 == 1)
            said.append("releasing")
            sem.release()

    with LoopThread() as loop:
        taking, giving = loop.submit(taker()), background(giver)
        taking.result(DEADLINE)
        giving.result(DEADLINE)

    assert said == ["acquiring", "releasing"] * 3


def test_close_wakes_threads_and_tasks_of_all_loops():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        waits = [
            background(sem.acquire),
            one.submit(sem.acquire_async()),
            other.submit(sem.acquire_async()),
            background(sem.permit),
        ]
        assert eventually(lambda: sem.waiting == 4)

        sem.close()

        assert [type(future.exception(DEADLINE)) for future in waits] == [permits.ClosedError] * 4
    assert sem.waiting == 0


def test_a_growing_semaphore_wakes_threads_and_tasks():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        waits = [background(sem.acquire), one.submit(sem.acquire_async()), other.submit(sem.acquire_async())]
        assert eventually(lambda: sem.waiting == 3)

        sem.resize(4)

        assert [future.result(DEADLINE) for future in waits] == [True] * 3
    assert (sem.available, sem.loose) == (0, 4)


def test_a_grant_of_a_cancelled_task_goes_to_a_thread_and_back():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()

    with LoopThread() as loop:

        async def granted_and_cancelled():
            task = asyncio.ensure_future(sem.acquire_async())
            assert await settled(lambda: sem.waiting == 1)
            queued.set()
            # The loop stands still meanwhile, so the task cannot have resumed.
            assert eventually(lambda: sem.waiting == 2)
            sem.release()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

        queued = threading.Event()
        task = loop.submit(granted_and_cancelled())
        assert queued.wait(DEADLINE)
        thread = background(sem.acquire)

        assert thread.result(DEADLINE) is True
        task.result(DEADLINE)
    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)


def test_a_python_signal_handler_may_release_what_a_loop_in_another_thread_waits_for():
    sem = CountSemaphore(1)
    sem.acquire()
    before = signal.signal(signal.SIGUSR1, lambda *_: sem.release())

    try:
        with LoopThread() as loop:
            task = loop.submit(sem.acquire_async())
            assert eventually(lambda: sem.waiting == 1)
            signal.raise_signal(signal.SIGUSR1)

            assert task.result(DEADLINE) is True
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_release_of_another_thread_wakes_a_loop_in_debug_mode():
    sem = CountSemaphore(1)
    sem.acquire()

    with LoopThread(debug=True) as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 1)
        background(sem.release).result(DEADLINE)

        assert task.result(DEADLINE) is True
