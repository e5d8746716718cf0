"""Threads and tasks of several loops are served in the order of their coming."""

from __future__ import annotations

import random

import pytest

import permits
from helpers_async import DEADLINE, LoopThread, background, eventually
from mixed.conftest import two_loops
from permits import BoundedSemaphore, CountSemaphore, Semaphore

pytestmark = pytest.mark.timeout(30)


def full(kind, fair=True):
    """A semaphore of one permit, that is out."""
    sem = kind(1, fair=fair)
    assert sem.acquire(False)
    return sem


CLASSES = pytest.mark.parametrize("kind", [CountSemaphore, Semaphore, BoundedSemaphore])


@CLASSES
def test_threads_and_tasks_of_two_loops_are_served_in_the_order_of_their_coming(kind):
    sem = full(kind)
    got = []

    def thread(number):
        sem.acquire()
        got.append(number)
        sem.release()

    def guarded(number):
        with sem:
            got.append(number)

    async def task(number):
        await sem.acquire_async()
        got.append(number)
        sem.release()

    async def guarded_task(number):
        async with sem.permit_async():
            got.append(number)

    with two_loops() as (one, other):
        ways = [
            lambda number: background(thread, number),
            lambda number: one.submit(task(number)),
            lambda number: background(guarded, number),
            lambda number: other.submit(task(number)),
            lambda number: one.submit(guarded_task(number)),
        ]
        dice, done = random.Random(4), []
        for number in range(40):
            done.append(dice.choice(ways)(number))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(40))
    assert (sem.available, sem.waiting) == (1, 0)


def test_releasers_of_all_kinds_are_served_in_the_order_of_their_coming():
    sem = CountSemaphore(1, fair=True)
    got = []

    def thread(number):
        sem.release()
        got.append(number)

    async def task(number):
        await sem.release_async()
        got.append(number)

    with two_loops() as (one, other):
        ways = [
            lambda number: background(thread, number),
            lambda number: one.submit(task(number)),
            lambda number: other.submit(task(number)),
        ]
        done = []
        for number in range(30):
            done.append(ways[number % 3](number))
            assert eventually(lambda: sem.waiting_releasers == number + 1)
        for number in range(30):
            sem.acquire()
            done[number].result(DEADLINE)

    assert got == list(range(30))
    assert (sem.available, sem.waiting) == (1, 0)


def test_two_loops_are_served_in_order_by_the_drop_in_for_asyncio():
    sem = permits.aio.Semaphore(0)
    got = []

    async def task(number):
        async with sem:
            got.append(number)

    with two_loops() as loops:
        done = []
        for number in range(30):
            done.append(loops[number % 2].submit(task(number)))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(30))
    assert (sem.available, sem.waiting) == (1, 0)


def test_a_newcomer_of_any_kind_passes_nobody_if_it_is_fair():
    sem = CountSemaphore(2, fair=True)
    sem.acquire()

    with LoopThread() as loop:
        head = loop.submit(sem.acquire_async(2))
        assert eventually(lambda: sem.waiting == 1)

        assert sem.acquire(blocking=False) is False
        assert sem.acquire(timeout=0.01) is False
        newcomer = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 2)
        assert sem.available == 1

        sem.release()
        assert head.result(DEADLINE) is True
        sem.release()
        assert newcomer.result(DEADLINE) is True
