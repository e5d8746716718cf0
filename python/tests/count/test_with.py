"""`with` holds one permit, and returns that one alone."""

from __future__ import annotations

import time

import pytest

from conftest import run_in_threads
from count.conftest import loose
from permits import CountSemaphore


def test_with_block_holds_one_permit_and_returns_it():
    sem = CountSemaphore(1)

    with sem as entered:
        assert entered is True
        assert sem.acquire(blocking=False) is False

    assert sem.acquire(blocking=False) is True


def test_with_block_returns_its_permit_after_an_exception():
    sem = CountSemaphore(1)

    with pytest.raises(ZeroDivisionError):
        with sem:
            1 / 0

    assert sem.state() == (1, 1, 0, 0, 0, 0, 0, 0, False)


def test_nested_with_blocks_hold_one_each():
    sem = CountSemaphore(3)

    with sem:
        with sem:
            assert sem.given_out == 2
        assert sem.given_out == 1
        with sem:
            assert sem.given_out == 2

    assert sem.given_out == 0


def test_with_blocks_of_many_threads_keep_the_bound():
    sem = CountSemaphore(2)
    inside, most = [], []

    def work():
        for _ in range(200):
            with sem:
                inside.append(None)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    run_in_threads(*[work] * 6)

    assert max(most) <= 2
    assert sem.state() == (2, 2, 0, 0, 0, 0, 0, 0, False)


def test_with_blocks_of_two_semaphores_do_not_mix():
    one, other = CountSemaphore(2), CountSemaphore(2)

    with one, other, one:
        assert (one.given_out, other.given_out) == (2, 1)
        other.resize(3)

    assert (one.available, other.available) == (2, 3)


def test_exit_without_enter_returns_nothing_of_anybody_else():
    sem = loose(3, 1)
    held = sem.permit()

    try:
        sem.__exit__(None, None, None)
    except RuntimeError:
        pass

    assert (sem.given_out, sem.loose, held.count) == (2, 1, 1)
