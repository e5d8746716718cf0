"""A release near the end of the stack: the task that it wakes goes on all the same (C10)."""

from __future__ import annotations

import asyncio
import sys

from helpers_async import DEADLINE, LoopThread, eventually, in_loop, settled
from permits import CountSemaphore


def with_headroom(frames, act):
    """Calls `act` where the stack has room for about so many frames."""

    def descend(left):
        return descend(left - 1) if left else act()

    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    descend(sys.getrecursionlimit() - depth - frames)


# From where there is room for everything to where there is none for the call.
HEADROOMS = range(30, -3, -1)


@in_loop
async def test_release_of_a_task_near_the_end_of_the_stack_loses_no_waiting_task():
    for frames in HEADROOMS:
        sem = CountSemaphore(1)
        sem.acquire()
        waiting = asyncio.ensure_future(sem.acquire_async())
        assert await settled(lambda: sem.waiting == 1)

        try:
            with_headroom(frames, sem.release)
        except RecursionError:
            if sem.waiting:
                # It did not get as far.
                sem.release()

        assert await asyncio.wait_for(waiting, DEADLINE) is True
        assert (sem.loose, sem.waiting) == (1, 0)


def test_release_of_a_thread_near_the_end_of_its_stack_loses_no_waiting_task():
    with LoopThread() as loop:
        for frames in HEADROOMS:
            sem = CountSemaphore(1)
            sem.acquire()
            waiting = loop.submit(sem.acquire_async())
            assert eventually(lambda: sem.waiting == 1)

            try:
                with_headroom(frames, sem.release)
            except RecursionError:
                if sem.waiting:
                    # It did not get as far.
                    sem.release()

            assert waiting.result(DEADLINE) is True
            assert (sem.loose, sem.waiting) == (1, 0)
