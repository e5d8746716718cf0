"""Waits that end without a permit, and how long a wait lasts (C10, C11)."""

from __future__ import annotations

import math
import time

import pytest

from conftest import in_thread, wait_until
from count.conftest import LONG, both_policies, loose, queue_acquirer, queue_releaser
from permits import CountSemaphore, WaitTimeoutError

# C10 cancel


@both_policies
def test_timed_out_head_lets_smaller_ones_behind_it_go_at_once(fair):
    sem = loose(2, 2, fair=fair)
    big = queue_acquirer(sem, 2, timeout=0.3)
    small = queue_acquirer(sem, 1)

    sem.release()
    assert big.result() is False

    assert small.result() is True
    assert sem.state() == (2, 0, 2, 2, 0, 0, 0, 0, False)


@both_policies
def test_timed_out_head_lets_smaller_releases_behind_it_go_at_once(fair):
    sem = CountSemaphore(2, fair=fair)
    big = queue_releaser(sem, 2, timeout=0.3)
    small = queue_releaser(sem, 1)

    sem.acquire()
    assert big.result() is False

    assert small.result() is True
    assert sem.state() == (2, 2, 0, 0, 0, 0, 0, 0, False)


def test_timed_out_wait_leaves_no_trace():
    sem = loose(2, 2)

    assert sem.acquire(timeout=0.001) is False
    assert sem.acquire(2, 0.001) is False
    with pytest.raises(WaitTimeoutError):
        sem.permit(timeout=0.001)

    assert sem.state() == (2, 0, 2, 2, 0, 0, 0, 0, False)


def test_grant_that_races_the_end_of_the_time_is_told_truly():
    sem = loose(1, 1)

    for turn in range(300):
        waiter = in_thread(sem.acquire, 1, 0.0002 + turn % 3 * 0.0001)
        # No wait for a state: it sets the release about where the time ends.
        time.sleep(0.0002)
        assert sem.release(blocking=False) is True
        granted = waiter.result()
        assert sem.loose == (1 if granted else 0)
        if not granted:
            assert sem.acquire(blocking=False) is True

    assert sem.state() == (1, 0, 1, 1, 0, 0, 0, 0, False)


# C11 time


def elapsed(function, *args, **kwargs):
    start = time.monotonic()
    result = function(*args, **kwargs)
    return result, time.monotonic() - start


@pytest.mark.parametrize("timeout", [1e-9, 1e-6, 0.0004, 0.001, 0.0151, 0.2])
@pytest.mark.parametrize("act", ["acquire", "release"])
def test_timed_wait_lasts_its_time(act, timeout):
    sem = loose(1, 1) if act == "acquire" else CountSemaphore(1)

    result, took = elapsed(getattr(sem, act), timeout=timeout)

    assert result is False
    assert timeout <= took < timeout + 5


@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, -1, -1e9, -math.inf])
@pytest.mark.parametrize("act", ["acquire", "release"])
def test_no_time_makes_it_a_try(act, timeout):
    sem = loose(2, 1)

    first, took = elapsed(getattr(sem, act), 1, timeout)
    second, took_too = elapsed(getattr(sem, act), 1, timeout)

    assert (first, second) == (True, False)
    assert took + took_too < 5


@pytest.mark.parametrize("timeout", [None, math.inf, 1e10, 1e300, 10**400, LONG])
@pytest.mark.parametrize("act", ["acquire", "release"])
def test_wait_without_an_end_is_served(act, timeout):
    sem = loose(1, 1) if act == "acquire" else CountSemaphore(1)
    waiter = queue_acquirer(sem, 1, timeout) if act == "acquire" else queue_releaser(sem, 1, timeout)

    (sem.release if act == "acquire" else sem.acquire)()

    assert waiter.result() is True


def test_wait_that_is_served_returns_early():
    sem = loose(1, 1)
    start = time.monotonic()
    waiter = queue_acquirer(sem, timeout=300)

    sem.release()

    assert waiter.result() is True
    assert time.monotonic() - start < LONG


def test_bool_in_the_place_of_n_is_blocking_as_in_threading():
    sem = CountSemaphore(2)

    assert [sem.acquire(False), sem.acquire(True), sem.acquire(False)] == [True, True, False]
    assert sem.loose == 2
    assert sem.acquire(True, 0.001) is False
    assert [sem.release(False), sem.release(True), sem.release(False)] == [True, True, False]
    assert sem.release(True, 0.001) is False
    with pytest.raises(ValueError):
        sem.acquire(False, 1)
    with pytest.raises(ValueError):
        sem.release(False, 1)

    assert sem.available == 2


@pytest.mark.parametrize("act", ["acquire", "release", "permit"])
def test_non_blocking_takes_no_timeout(act):
    sem = loose(2, 1)

    for timeout in (1, 0, -1, 0.5):
        with pytest.raises(ValueError):
            getattr(sem, act)(1, timeout, blocking=False)

    assert sem.state() == (2, 1, 1, 1, 0, 0, 0, 0, False)


def test_other_threads_run_while_one_waits():
    sem = loose(1, 1)
    waiters = [queue_acquirer(sem) for _ in range(3)]

    assert sum(range(100_000)) == 4_999_950_000
    for _ in waiters:
        sem.release()
        wait_until(lambda: sem.loose == 1)

    assert [waiter.result() for waiter in waiters] == [True] * 3
