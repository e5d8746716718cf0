"""A permit carries what was written before it, and readings are true (C14, C15)."""

from __future__ import annotations

import sys

import pytest

import permits
from conftest import in_thread, run_in_threads
from count.conftest import loose, queue_acquirer, queue_releaser
from permits import ClosedError, CountSemaphore

# C14 memory


def test_what_was_done_before_an_acquire_is_seen_after_the_release_it_lets_through():
    sem = CountSemaphore(1)
    written = []

    def write():
        for value in range(200):
            written.append(value)
            sem.acquire()

    def read():
        for value in range(200):
            sem.release()
            assert written[value] == value

    run_in_threads(write, read)

    assert sem.available == 1


# C15 truth


def test_state_names_all_readings_of_one_instant():
    sem = loose(4, 2, fair=True)
    held = sem.permit()
    acquirer = queue_acquirer(sem, 3)
    queue_releaser(sem, 4)
    queue_releaser(sem, 1)

    state = sem.state()

    assert state == permits.State(
        max_permits=4,
        available=1,
        given_out=3,
        loose=2,
        waiting_acquirers=1,
        next_acquirer=3,
        waiting_releasers=2,
        next_releaser=4,
        closed=False,
    )
    assert isinstance(state, tuple)
    assert (sem.waiting, sem.waiting_acquirers, sem.waiting_releasers) == (3, 1, 2)
    assert (sem.max_permits, sem.available, sem.given_out, sem.loose) == state[:4]
    sem.close()
    held.release()
    with pytest.raises(ClosedError):
        acquirer.result()


def law_holds(state):
    return state.available + state.given_out == state.max_permits and 0 <= state.loose <= state.given_out


def test_state_keeps_the_law_while_threads_run():
    sem = CountSemaphore(3)
    done = []

    def churn():
        while not done:
            with sem:
                sem.acquire(blocking=False) and sem.release()

    # Threads take turns as often as they can.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [in_thread(churn) for _ in range(3)]
        states = [sem.state() for _ in range(3_000)]
        done.append(True)
        for thread in running:
            thread.result()
    finally:
        sys.setswitchinterval(interval)

    assert [state for state in states if not law_holds(state)] == []
    assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False)


@pytest.mark.parametrize("name", ["max_permits", "available", "given_out", "loose", "waiting", "waiting_acquirers", "closed", "fair"])
def test_readings_are_read_only(name):
    sem = CountSemaphore(2)

    with pytest.raises(AttributeError):
        setattr(sem, name, 1)

    assert sem.state() == (2, 2, 0, 0, 0, 0, 0, 0, False)


def test_repr_tells_the_class_and_the_counts():
    sem = loose(3, 1)

    assert "CountSemaphore" in repr(sem)
    assert "3" in repr(sem)
