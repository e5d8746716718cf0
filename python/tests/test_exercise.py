"""The exercise that the semaphore grew from, as a program of its own."""

from __future__ import annotations

import itertools
import time

import pytest

from conftest import in_thread, run_script, wait_until
from permits import CountSemaphore

ALTERNATING = "acquiring\nreleasing\n" * 3

# The program as it stands: the giver comes a second later, and gives every two seconds.
PROGRAM = """
    import sys
    import threading
    import time

    from permits import CountSemaphore

    first_pause, pause = (float(argument) for argument in sys.argv[1:] or (1, 2))


    def take(sem):
        for _ in range(3):
            sem.acquire()
            print("acquiring")


    def give(sem):
        time.sleep(first_pause)
        for turn in range(3):
            if turn:
                time.sleep(pause)
            print("releasing")
            sem.release()


    sem = CountSemaphore(1)
    taker = threading.Thread(target=take, args=(sem,))
    giver = threading.Thread(target=give, args=(sem,))
    taker.start()
    giver.start()
    taker.join()
    giver.join()
"""


def test_the_program_as_it_stands_alternates_and_ends():
    start = time.monotonic()

    out = run_script(PROGRAM)

    assert out == ALTERNATING
    assert time.monotonic() - start >= 5


def test_the_program_with_short_pauses_alternates_and_ends():
    assert run_script(PROGRAM, 0.3, 0.3) == ALTERNATING


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize("release_first", [False, True])
def test_neither_side_runs_ahead_without_any_pause(fair, release_first):
    sem = CountSemaphore(1, fair=fair)
    rounds, lines = 500, []

    def take():
        for _ in range(rounds):
            sem.acquire()
            lines.append(1)

    def give():
        for _ in range(rounds):
            lines.append(-1)
            sem.release()

    first, second = (give, take) if release_first else (take, give)
    one = in_thread(first)
    other = in_thread(second)
    one.result()
    other.result()

    # What is logged after an acquire may be late by one line, and what is logged before a release early by one.
    assert set(itertools.accumulate(lines)) <= {-2, -1, 0, 1}
    assert sum(lines) == 0
    assert sem.available == 1


def test_taker_stops_after_each_permit_until_the_giver_returns_it():
    sem = CountSemaphore(1)
    taken = []

    def take():
        for turn in range(3):
            sem.acquire()
            taken.append(turn)

    taker = in_thread(take)
    for turn in range(3):
        wait_until(lambda turn=turn: len(taken) == turn + 1 and (turn == 2 or sem.waiting_acquirers == 1))
        assert taken == list(range(turn + 1))
        assert sem.release() is True
    taker.result()

    assert (sem.available, sem.given_out) == (1, 0)


def test_giver_stops_before_each_permit_until_the_taker_takes_it():
    sem = CountSemaphore(1)
    given = []

    def give():
        for turn in range(3):
            sem.release()
            given.append(turn)

    giver = in_thread(give)
    for turn in range(3):
        wait_until(lambda turn=turn: len(given) == turn and sem.waiting_releasers == 1)
        assert sem.available == 1
        assert sem.acquire() is True
    giver.result()

    assert given == [0, 1, 2]
    assert (sem.available, sem.given_out) == (1, 0)
