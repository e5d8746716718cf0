"""Who would wait for itself is told where it acquired what it holds; whoever else waits, waits."""

from __future__ import annotations

import asyncio
import gc
import re
import sys

import pytest

from conftest import in_thread, run_in_threads, run_script, wait_until
from helpers_async import in_loop, settled
from permits import ClosedError, CountSemaphore, TooManyError, WaitTimeoutError

# Reaching it is a failure, but not a hang.
LONG = 20


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    monkeypatch.setenv("PERMITS_CHECK", "1")


def here(back=0):
    """This line, or one before, as an error names it."""
    frame = sys._getframe(1)
    return "{}:{}".format(frame.f_code.co_filename, frame.f_lineno - back)


def told(who, n, most, held, where):
    text = "this {} waits for itself: it asks for `{}` permits of `{}`, and holds `{}`, acquired at {}: return"
    return pytest.raises(RuntimeError, match="^" + re.escape(text.format(who, n, most, held, where)))


def test_second_acquire_of_a_thread_names_the_first():
    sem = CountSemaphore(2)
    permit = sem.permit(2)
    first = here(back=1)

    for second in sem.acquire, sem.permit, sem.__enter__:
        with told("thread", 1, 2, 2, first):
            second()

    assert (permit.count, sem.given_out, sem.waiting) == (2, 2, 0)


def test_nested_with_blocks_are_told():
    sem = CountSemaphore(1)

    with sem:
        first = here(back=1)
        with told("thread", 1, 1, 1, first):
            with sem:
                raise AssertionError("it has one permit")

    assert sem.available == 1


@in_loop
async def test_second_acquire_of_a_task_names_the_first():
    sem = CountSemaphore(1)
    permit = await sem.permit_async()
    first = here(back=1)

    for second in sem.acquire_async, sem.permit_async:
        with told("task", 1, 1, 1, first):
            await second()
    with told("task", 1, 1, 1, first):
        async with sem.permit_async():
            raise AssertionError("it has one permit")
    with told("task", 1, 1, 1, first):
        sem.acquire()

    permit.release()
    async with sem, CountSemaphore(1):
        first = here(back=1)
        with told("task", 1, 1, 1, first):
            async with sem:
                raise AssertionError("it has one permit")
    assert (sem.available, sem.waiting) == (1, 0)


@pytest.mark.parametrize(
    "held, asked, waits", [(2, 1, True), (1, 2, True), (2, 2, False), (3, 1, False), (1, 3, False)]
)
def test_exactly_what_its_own_permits_leave_is_waited_for(held, asked, waits):
    sem = CountSemaphore(3)
    other = sem.permit(3 - held) if held < 3 else None

    def act():
        with sem.permit(held):
            sem.permit(asked).release()
        return True

    running = in_thread(act)
    if waits:
        wait_until(lambda: sem.waiting_acquirers == 1)
        other.release()
        assert running.result() is True
    else:
        with pytest.raises(RuntimeError, match="waits for itself"):
            running.result()


def test_what_another_thread_holds_is_waited_for():
    sem = CountSemaphore(1)
    permit = sem.permit()

    running = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting_acquirers == 1)
    permit.release()

    assert running.result() is True


@in_loop
async def test_what_another_task_holds_is_waited_for():
    sem = CountSemaphore(1)
    permit = await sem.permit_async()

    # The task that is made is the one that waits.
    waiter = asyncio.create_task(sem.acquire_async())
    assert await settled(lambda: sem.waiting_acquirers == 1)
    permit.release()

    assert await waiter is True


def test_loose_permits_do_not_count():
    sem = CountSemaphore(2)

    def act():
        sem.acquire()
        sem.permit().forget()
        return sem.acquire(2)

    running = in_thread(act)
    wait_until(lambda: sem.waiting_acquirers == 1)
    # Whoever they belong to: nobody.
    assert sem.release(2)

    assert running.result() is True


def test_what_was_returned_does_not_count():
    sem = CountSemaphore(1)
    permit = sem.permit()
    permit.release()
    with sem:
        pass
    with sem.permit():
        pass
    permit = sem.permit()
    del permit
    gc.collect()

    assert sem.acquire() is True


def test_permits_that_were_added_in_between_are_had():
    sem = CountSemaphore(1)
    with sem:
        sem.grow()
        with sem:
            with pytest.raises(RuntimeError, match="asks for `1` permits of `2`, and holds `2`"):
                sem.acquire()
        sem.shrink()
        with pytest.raises(RuntimeError, match="asks for `1` permits of `1`, and holds `1`"):
            sem.acquire()


def test_what_does_not_wait_without_limit_is_as_ever():
    sem = CountSemaphore(1)
    with sem:
        assert sem.acquire(timeout=0.001) is False
        assert sem.acquire(False) is False
        assert sem.acquire(blocking=False) is False
        with pytest.raises(WaitTimeoutError):
            sem.permit(timeout=0.001)
        with pytest.raises(TooManyError):
            sem.acquire(2)
        assert sem.acquire(0) is True
        for wrong in ("one",), (1, 2, 3), (-1,):
            with pytest.raises((TypeError, ValueError)):
                sem.acquire(*wrong)
        sem.close()
        with pytest.raises(ClosedError):
            sem.acquire()


def test_merged_permits_count_for_who_has_taken_them_in():
    sem = CountSemaphore(2)
    whole = sem.permit()
    (theirs,) = run_in_threads(sem.permit)
    whole.merge(theirs)

    with pytest.raises(RuntimeError, match="holds `2`"):
        sem.acquire()


def test_a_permit_that_was_given_away_counts_until_it_is_returned():
    sem = CountSemaphore(1)
    permit = sem.permit()

    with pytest.raises(RuntimeError, match="waits for itself"):
        sem.acquire()
    run_in_threads(permit.release)

    assert sem.acquire() is True


def test_subclasses_are_checked_and_keep_their_methods():
    class Named(CountSemaphore):
        """One with a name."""

        def __init__(self, name):
            super().__init__(1)
            self.name = name

        def acquire(self, *arguments, **named):
            return (self.name, super().acquire(*arguments, **named))

    one, two = Named("one"), Named("two")

    assert type(one) is type(two) and isinstance(one, Named) and type(one).__name__ == "Named"
    assert one.acquire(timeout=0) == ("one", True)
    with two, pytest.raises(RuntimeError, match="waits for itself"):
        two.acquire()


def test_without_the_variable_nothing_is_checked(monkeypatch):
    monkeypatch.setenv("PERMITS_CHECK", "0")
    sem = CountSemaphore(1)
    with sem:
        running = in_thread(lambda: sem.acquire(timeout=LONG))
        wait_until(lambda: sem.waiting_acquirers == 1)

    assert running.result() is True
    assert type(sem) is CountSemaphore
    program = "import sys, permits; permits.CountSemaphore(1); assert 'permits._check' not in sys.modules"
    run_script(program)


def test_returned_permits_do_not_pile_up():
    sem = CountSemaphore(2)

    for _ in range(1000):
        sem.permit(timeout=LONG).release()

    assert len(sem._holds) <= 64
