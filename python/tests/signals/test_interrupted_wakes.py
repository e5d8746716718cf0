"""A signal's handler that raises while a task is told to go on: the exception reaches somebody, and the task goes on all the same (C10)."""

from __future__ import annotations

import asyncio
import functools
import itertools
import signal
import sys

import pytest

import permits
from conftest import run_script
from helpers_async import DEADLINE, background, in_loop, settled
from permits import BoundedSemaphore, CountSemaphore, aio


class Alarm(Exception):
    """What the handler of these tests raises, unless it is KeyboardInterrupt."""


@pytest.fixture
def raises():
    """Sets what the handler of SIGUSR1 raises."""

    def set_handler(kind):
        def handler(*_):
            raise kind

        signal.signal(signal.SIGUSR1, handler)

    before = signal.getsignal(signal.SIGUSR1)
    set_handler(Alarm)
    yield set_handler
    signal.signal(signal.SIGUSR1, before)


class SignalAt:
    """A signal comes at the `point`-th line of those in Python code that is called meanwhile, or of `only` and what that calls."""

    def __init__(self, point, only=None):
        self._left = point
        self._only = only
        self._depth = 0
        self.came = False

    def __enter__(self):
        sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _call(self, frame, event, argument):
        if frame.f_code is SignalAt.__exit__.__code__:
            return None
        if self._only is not None and self._depth == 0 and frame.f_code is not self._only.__code__:
            return None
        self._depth += 1
        return self._line

    def _line(self, frame, event, argument):
        if event == "return":
            self._depth -= 1
        if event == "line" and not self.came:
            self.came = self._left == 0
            self._left -= 1
            if self.came:
                # Its handler runs in there, and what that raises comes up in the frame that is traced.
                signal.raise_signal(signal.SIGUSR1)
        return self._line


def make_count():
    sem = CountSemaphore(1)
    sem.acquire()
    return sem, sem.release


def make_permit():
    sem = CountSemaphore(1)
    return sem, sem.permit().release


def make_with():
    sem = CountSemaphore(1)
    sem.__enter__()
    return sem, functools.partial(sem.__exit__, None, None, None)


def make_grow():
    sem = CountSemaphore(1)
    sem.acquire()
    return sem, sem.grow


def make_value():
    sem = permits.Semaphore(0)
    return sem, sem.release


def make_bounded():
    sem = BoundedSemaphore(1)
    sem.acquire()
    return sem, sem.release


def make_aio():
    sem = aio.Semaphore(0)
    return sem, sem.release


WAYS = [make_count, make_permit, make_with, make_grow, make_value, make_bounded, make_aio]
every_way = pytest.mark.parametrize("make", WAYS)


def waits_for(sem):
    return sem.acquire() if isinstance(sem, aio.Semaphore) else sem.acquire_async()


@every_way
def test_signal_at_any_point_of_a_wake_in_a_task_is_raised_there_and_the_waiting_task_goes_on(make, raises):
    async def signal_at(point):
        sem, give = make()
        waiting = asyncio.ensure_future(waits_for(sem))
        assert await settled(lambda: sem.waiting == 1)

        try:
            with SignalAt(point) as interruption:
                give()
            raised = False
        except Alarm:
            raised = True

        assert await asyncio.wait_for(waiting, DEADLINE) is True
        assert sem.waiting == 0
        assert raised == interruption.came
        return interruption.came

    @in_loop
    async def signal_at_every_point():
        for point in itertools.count():
            if not await signal_at(point):
                return point

    # The loop's `call_soon` has some lines.
    assert signal_at_every_point() >= 3


def test_close_that_a_signal_interrupts_tells_every_task(raises):
    async def signal_at(point):
        sem = CountSemaphore(1)
        sem.acquire()
        waiting = [asyncio.ensure_future(sem.acquire_async()) for _ in range(3)]
        assert await settled(lambda: sem.waiting == 3)

        try:
            with SignalAt(point) as interruption:
                sem.close()
            raised = False
        except Alarm:
            raised = True

        ends = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), DEADLINE)
        assert [type(end) for end in ends] == [permits.ClosedError] * 3
        assert raised == interruption.came
        return interruption.came

    @in_loop
    async def signal_at_every_point():
        for point in itertools.count():
            if not await signal_at(point):
                return point

    assert signal_at_every_point() >= 9


def test_signals_of_the_system_at_any_time_of_a_release_in_a_task_lose_nothing():
    out = run_script(
        """
        import asyncio, permits

        class Alarm(Exception):
            pass

        fired = 0

        def wait_for(turn):
            # Apart: an exception that comes up at the end of a loop in a `try` block may miss that block's `except`.
            while fired == turn:
                pass

        def handler(*_):
            global fired
            fired += 1
            raise Alarm

        signal.signal(signal.SIGALRM, handler)

        async def main():
            caught = 0
            for turn in range(300):
                sem = permits.CountSemaphore(1)
                sem.acquire()
                waiting = asyncio.ensure_future(sem.acquire_async())
                await asyncio.sleep(0)
                assert sem.waiting == 1
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 + (turn % 100) * 3e-7)
                    sem.release()
                    wait_for(turn)
                except Alarm:
                    caught += 1
                if sem.waiting:
                    # It came before the release had begun.
                    sem.release()
                assert await asyncio.wait_for(waiting, 10) is True
                assert caught == fired == turn + 1, (caught, fired, turn)

        asyncio.run(main())
        print("nothing lost")
        """
    )

    assert out == "nothing lost\n"


def test_signals_of_the_system_at_any_time_of_a_release_for_the_loop_of_another_thread_lose_nothing():
    out = run_script(
        """
        import asyncio, permits

        class Alarm(Exception):
            pass

        fired = 0

        def wait_for(turn):
            # Apart: an exception that comes up at the end of a loop in a `try` block may miss that block's `except`.
            while fired == turn:
                pass

        def handler(*_):
            global fired
            fired += 1
            raise Alarm

        signal.signal(signal.SIGALRM, handler)
        loop = asyncio.new_event_loop()
        in_thread(loop.run_forever)
        caught = 0
        for turn in range(300):
            sem = permits.CountSemaphore(1)
            sem.acquire()

            async def wait():
                return await sem.acquire_async()

            waiting = asyncio.run_coroutine_threadsafe(wait(), loop)
            wait_until(lambda: sem.waiting == 1)
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + (turn % 100) * 3e-7)
                sem.release()
                wait_for(turn)
            except Alarm:
                caught += 1
            if sem.waiting:
                # It came before the release had begun.
                sem.release()
            assert waiting.result(10) is True
            assert caught == fired == turn + 1, (caught, fired, turn)
        print("nothing lost")
        """
    )

    assert out == "nothing lost\n"


@pytest.mark.parametrize("kind", [Alarm, KeyboardInterrupt])
def test_signal_at_any_point_of_a_loop_that_is_told_by_another_thread_is_reported_and_the_task_goes_on(kind, raises):
    from permits import _types

    def signal_at(point):
        reported = []
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _, context: reported.append(type(context["exception"])))
        sem = CountSemaphore(2)
        sem.acquire(2)

        async def main():
            # Two at once, so that one of them is told after the interruption.
            waiting = [asyncio.ensure_future(sem.acquire_async()) for _ in range(2)]
            assert await settled(lambda: sem.waiting == 2)
            background(sem.release, 2).result(DEADLINE)
            return await asyncio.wait_for(asyncio.gather(*waiting), DEADLINE)

        task = loop.create_task(main())
        interruption = SignalAt(point, only=_types.drain)
        while not task.done():
            try:
                with interruption:
                    loop.run_until_complete(task)
            except kind:
                reported.append(kind)

        loop.close()
        assert task.result() == [True, True]
        assert sem.waiting == 0
        assert reported == [kind] * interruption.came
        return interruption.came

    raises(kind)
    points = next(point for point in itertools.count() if not signal_at(point))

    # `drain` has some lines, and so has what it calls.
    assert points >= 10
