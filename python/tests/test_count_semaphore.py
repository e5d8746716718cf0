"""`CountSemaphore` among threads, clause by clause (C1 to C15, C22)."""

from __future__ import annotations

import math
import sys
import time

import pytest

import permits
from conftest import in_thread, run_in_threads, wait_until
from permits import ClosedError, CountSemaphore, TooManyError, WaitTimeoutError

# Longer than any of these waits lasts: reaching it is a failure, but not a hang.
LONG = 20
# How long a wait has to last before it counts as waiting.
MOMENT = 0.05
# The documented bound on how often a waiter is passed under the default policy (C8).
DEFAULT_OVERTAKES = 65_536

both_policies = pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])


def loose(max_permits, n, **options):
    """A semaphore with `n` of its permits out, and loose."""
    sem = CountSemaphore(max_permits, **options)
    assert sem.acquire(n) is True
    return sem


def queue_acquirer(sem, n=1, timeout=LONG, then=None):
    """Starts a thread that asks for `n`, and waits until it stands in the queue."""
    return queue(lambda: sem.acquire(n, timeout), lambda: sem.waiting_acquirers, then)


def queue_releaser(sem, n=1, timeout=LONG, then=None):
    """Starts a thread that wants to return `n`, and waits until it stands in the queue."""
    return queue(lambda: sem.release(n, timeout), lambda: sem.waiting_releasers, then)


def queue(wait, length, then):
    before = length()

    def run():
        done = wait()
        if then is not None:
            then()
        return done

    running = in_thread(run)
    wait_until(lambda: length() == before + 1 or running.is_done())
    assert not running.is_done(), "it did not have to wait: " + repr(running.result())
    return running


def law_holds(state):
    return state.available + state.given_out == state.max_permits and 0 <= state.loose <= state.given_out


# C1 bounds, C2 start


def test_starts_with_all_permits_free():
    sem = CountSemaphore(3)

    assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False)
    assert sem.fair is False
    assert CountSemaphore(3, fair=True).fair is True


def test_permits_is_positional_or_keyword():
    assert CountSemaphore(permits=2).max_permits == 2
    with pytest.raises(TypeError):
        CountSemaphore()
    with pytest.raises(TypeError):
        CountSemaphore(1, True)


@pytest.mark.parametrize("bad", [0, -1, -(2**70), permits.MAX_PERMITS + 1, 2**31, 2**32, 2**32 + 1, 2**63, 2**64 + 1, 2**70])
def test_refuses_numbers_of_permits_out_of_range_and_names_them(bad):
    with pytest.raises(ValueError) as caught:
        CountSemaphore(bad)

    assert str(bad) in str(caught.value)
    assert "4194303" in str(caught.value)


def test_takes_the_largest_number_of_permits():
    assert permits.MAX_PERMITS == 4_194_303

    sem = CountSemaphore(permits.MAX_PERMITS)

    assert sem.acquire(permits.MAX_PERMITS) is True
    assert sem.acquire(blocking=False) is False
    assert sem.release(permits.MAX_PERMITS) is True
    assert sem.available == permits.MAX_PERMITS


def test_count_never_passes_its_bounds():
    sem = CountSemaphore(2)

    assert sem.release(blocking=False) is False
    assert [sem.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    assert [sem.release(blocking=False) for _ in range(3)] == [True, True, False]
    assert sem.available == 2


# C3 acquire, C4 release


def test_acquire_waits_until_a_permit_is_released():
    sem = loose(1, 1)
    waiter = queue_acquirer(sem)

    assert sem.release() is True

    assert waiter.result() is True
    assert (sem.available, sem.given_out, sem.loose) == (0, 1, 1)


def test_release_waits_until_a_permit_is_acquired():
    sem = CountSemaphore(1)
    waiter = queue_releaser(sem)

    assert sem.acquire() is True

    assert waiter.result() is True
    assert (sem.available, sem.given_out, sem.loose) == (1, 0, 0)


@both_policies
def test_acquire_takes_a_batch_at_once_or_nothing(fair):
    sem = loose(4, 3, fair=fair)
    waiter = queue_acquirer(sem, 3)

    sem.release()
    assert sem.available == 2
    assert sem.waiting_acquirers == 1
    sem.release()

    assert waiter.result() is True
    assert (sem.available, sem.given_out) == (0, 4)


@both_policies
def test_release_returns_a_batch_at_once_or_nothing(fair):
    sem = CountSemaphore(4, fair=fair)
    waiter = queue_releaser(sem, 3)

    sem.acquire(2)
    assert sem.loose == 2
    assert sem.waiting_releasers == 1
    sem.acquire()

    assert waiter.result() is True
    assert (sem.available, sem.given_out) == (4, 0)


def test_failed_batch_leaves_the_counts():
    sem = loose(4, 2)

    assert sem.acquire(3, blocking=False) is False
    assert sem.acquire(3, 0.001) is False
    assert sem.release(3, blocking=False) is False
    assert sem.release(3, 0.001) is False

    assert sem.state() == (4, 2, 2, 2, 0, 0, 0, 0, False)


def test_one_release_serves_several_acquirers():
    sem = loose(4, 4)
    waiters = [queue_acquirer(sem) for _ in range(4)]

    sem.release(4)

    assert [waiter.result() for waiter in waiters] == [True] * 4
    assert sem.given_out == 4


def test_one_acquire_serves_several_releasers():
    sem = CountSemaphore(4)
    waiters = [queue_releaser(sem) for _ in range(4)]

    sem.acquire(4)

    assert [waiter.result() for waiter in waiters] == [True] * 4
    assert sem.given_out == 0


def test_release_does_not_return_what_a_with_block_holds():
    sem = CountSemaphore(2)

    with sem:
        assert (sem.given_out, sem.loose) == (1, 0)
        assert sem.release(blocking=False) is False
        assert sem.release(timeout=0.001) is False
        sem.acquire()
        assert sem.release() is True
        assert sem.release(blocking=False) is False
        assert sem.given_out == 1

    assert sem.given_out == 0


def test_release_that_waits_is_not_served_by_the_end_of_a_with_block():
    sem = CountSemaphore(1)

    with sem:
        waiter = queue_releaser(sem)
    assert sem.available == 1
    assert sem.waiting_releasers == 1
    sem.acquire()

    assert waiter.result() is True


# C7 impossible requests


@pytest.mark.parametrize("act", ["acquire", "release", "permit"])
@pytest.mark.parametrize("options", [{}, {"timeout": LONG}, {"timeout": 0}, {"blocking": False}], ids=str)
def test_more_than_there_are_fails_at_once_and_names_both_numbers(act, options):
    sem = loose(4, 2)

    with pytest.raises(TooManyError) as caught:
        getattr(sem, act)(9, **options)

    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, permits.PermitsError)
    assert "9" in str(caught.value) and "4" in str(caught.value)
    assert sem.state() == (4, 2, 2, 2, 0, 0, 0, 0, False)


def test_nothing_is_asked_for_and_given_at_once():
    sem = loose(1, 1)
    empty = CountSemaphore(1)

    assert sem.acquire(0) is True
    assert sem.acquire(0, blocking=False) is True
    assert empty.release(0) is True
    assert sem.permit(0).count == 0

    assert sem.state() == (1, 0, 1, 1, 0, 0, 0, 0, False)


# C8 order


def test_fair_serves_acquirers_in_the_order_they_came():
    sem = loose(1, 1, fair=True)
    order = []
    waiters = [queue_acquirer(sem, then=lambda i=i: order.append(i)) for i in range(8)]

    for turn in range(8):
        sem.release()
        wait_until(lambda turn=turn: len(order) == turn + 1)

    assert order == list(range(8))
    assert all(waiter.result() for waiter in waiters)


def test_fair_serves_releasers_in_the_order_they_came():
    sem = CountSemaphore(1, fair=True)
    order = []
    waiters = [queue_releaser(sem, then=lambda i=i: order.append(i)) for i in range(8)]

    for turn in range(8):
        sem.acquire()
        wait_until(lambda turn=turn: len(order) == turn + 1)

    assert order == list(range(8))
    assert all(waiter.result() for waiter in waiters)


def test_fair_lets_nobody_pass_one_who_waits_for_many():
    sem = loose(4, 1, fair=True)
    order = []
    big = queue_acquirer(sem, 4, then=lambda: order.append("big"))

    assert sem.acquire(blocking=False) is False
    assert sem.acquire(timeout=0) is False
    assert sem.acquire(timeout=0.001) is False
    small = queue_acquirer(sem, then=lambda: order.append("small"))
    assert sem.available == 3
    sem.release()

    assert big.result() is True
    assert order == ["big"]
    sem.release(4)
    assert small.result() is True
    assert sem.loose == 1


def test_fair_lets_no_release_pass_one_that_waits_for_many():
    sem = loose(4, 3, fair=True)
    big = queue_releaser(sem, 4)

    assert sem.release(blocking=False) is False
    assert sem.release(timeout=0) is False
    assert sem.release(timeout=0.001) is False
    assert sem.loose == 3
    sem.acquire()

    assert big.result() is True
    assert sem.available == 4


def test_fair_hands_a_permit_to_the_waiter_and_not_to_who_released_it():
    sem = loose(1, 1, fair=True)

    for _ in range(200):
        waiter = queue_acquirer(sem)
        sem.release()
        assert sem.acquire(blocking=False) is False
        assert waiter.result() is True


def test_default_lets_a_try_pass_one_who_waits_for_many():
    sem = loose(4, 1)
    big = queue_acquirer(sem, 4)

    assert sem.acquire(blocking=False) is True
    assert sem.release() is True
    sem.release()

    assert big.result() is True


def test_default_passes_a_waiter_a_bounded_number_of_times():
    sem = loose(1, 1)
    inside = []
    waiter = queue_acquirer(sem, then=lambda: inside.append(True))

    passings = 0
    while not inside and passings <= DEFAULT_OVERTAKES:
        sem.release()
        if not sem.acquire(blocking=False):
            break
        passings += 1

    assert passings <= DEFAULT_OVERTAKES
    assert waiter.result() is True
    assert sem.loose == 1


# C9 no starvation


@both_policies
def test_small_requests_do_not_starve_a_large_one(fair):
    sem = CountSemaphore(4, fair=fair)
    done = []

    def small():
        turns = 0
        while not done:
            if sem.acquire(timeout=LONG):
                sem.release()
                turns += 1
        return turns

    smalls = [in_thread(small) for _ in range(4)]
    for _ in range(20):
        assert sem.acquire(4, timeout=LONG) is True
        sem.release(4)
    done.append(True)
    turns = [running.result() for running in smalls]

    assert sum(turns) > 0
    assert sem.available == 4


def test_free_permits_are_not_hoarded_for_one_who_cannot_have_them_yet():
    sem = loose(4, 2, fair=True)
    big = queue_acquirer(sem, 4)

    assert sem.available == 2
    sem.release()
    assert sem.available == 3
    sem.release()

    assert big.result() is True


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


# C12 close


@both_policies
def test_close_wakes_all_waiters_of_both_queues(fair):
    # 2 free and 2 loose of 4: neither three are free nor three loose.
    sem = loose(4, 2, fair=fair)
    waiters = [queue_acquirer(sem, 3) for _ in range(3)] + [queue_releaser(sem, 3) for _ in range(3)]

    sem.close()

    for waiter in waiters:
        with pytest.raises(ClosedError):
            waiter.result()
    assert sem.state() == (4, 2, 2, 2, 0, 0, 0, 0, True)


def test_close_wakes_with_blocks_and_permits_that_wait():
    sem = loose(1, 1)

    def enter():
        with sem:
            raise AssertionError("it is closed")

    waiters = [in_thread(enter), in_thread(sem.permit), in_thread(sem.permit, 1, LONG)]
    wait_until(lambda: sem.waiting_acquirers == 3)
    sem.close()

    for waiter in waiters:
        with pytest.raises(ClosedError):
            waiter.result()


def test_closed_refuses_every_acquire():
    sem = CountSemaphore(2)
    assert sem.closed is False
    sem.close()
    assert sem.closed is True

    for request in (
        sem.acquire,
        lambda: sem.acquire(blocking=False),
        lambda: sem.acquire(timeout=0),
        lambda: sem.acquire(timeout=1),
        sem.permit,
        lambda: sem.permit(blocking=False),
        sem.__enter__,
    ):
        with pytest.raises(ClosedError) as caught:
            request()
        assert isinstance(caught.value, permits.PermitsError)

    assert sem.available == 2


def test_what_is_out_comes_back_after_close():
    sem = CountSemaphore(4)
    permit = sem.permit()
    sem.acquire()
    with sem:
        sem.close()
        assert sem.given_out == 3
    assert sem.given_out == 2

    permit.release()
    assert sem.given_out == 1
    assert sem.release() is True
    assert sem.given_out == 0
    with pytest.raises(ClosedError):
        sem.release()
    with pytest.raises(ClosedError):
        sem.release(timeout=1)


def test_second_close_does_nothing_and_nothing_opens_it_again():
    sem = CountSemaphore(2)
    sem.close()
    sem.close()

    sem.resize(3)

    assert sem.closed is True
    with pytest.raises(ClosedError):
        sem.acquire()


# C13 resize


def test_grow_serves_waiters_at_once():
    sem = loose(1, 1)
    waiters = [queue_acquirer(sem) for _ in range(2)]

    sem.grow(2)

    assert [waiter.result() for waiter in waiters] == [True, True]
    assert sem.state()[:4] == (3, 0, 3, 3)


def test_grow_and_shrink_step_by_one_unless_told():
    sem = CountSemaphore(2)

    sem.grow()
    assert sem.max_permits == 3
    sem.shrink()
    sem.shrink()

    assert (sem.max_permits, sem.available) == (1, 1)


def test_shrink_below_what_is_out_takes_effect_as_permits_return():
    sem = loose(4, 4)

    sem.resize(1)
    assert (sem.max_permits, sem.available, sem.given_out) == (1, 0, 4)
    sem.release(3)
    assert (sem.available, sem.given_out) == (0, 1)
    assert sem.acquire(blocking=False) is False
    sem.release()

    assert (sem.available, sem.given_out) == (1, 0)
    assert sem.acquire(blocking=False) is True


def test_shrink_refuses_waiters_who_want_more_than_is_left():
    sem = loose(4, 4)
    big = queue_acquirer(sem, 4)
    small = queue_acquirer(sem, 1)

    sem.shrink(2)

    with pytest.raises(TooManyError) as caught:
        big.result()
    assert "4" in str(caught.value) and "2" in str(caught.value)
    assert sem.state() == (2, 0, 4, 4, 1, 1, 0, 0, False)
    sem.release(3)
    assert small.result() is True
    assert sem.state() == (2, 0, 2, 2, 0, 0, 0, 0, False)


@pytest.mark.parametrize(
    ("act", "n"),
    [
        ("resize", 0), ("resize", -1), ("resize", permits.MAX_PERMITS + 1), ("resize", 2**70),
        ("grow", permits.MAX_PERMITS), ("grow", 2**32), ("grow", -1), ("grow", 2**70),
        ("shrink", 4), ("shrink", 5), ("shrink", -1), ("shrink", 2**32), ("shrink", 2**70),
    ],
)  # fmt: skip
def test_resize_out_of_range_is_refused_and_changes_nothing(act, n):
    sem = loose(4, 1)

    with pytest.raises(ValueError):
        getattr(sem, act)(n)

    assert sem.state() == (4, 3, 1, 1, 0, 0, 0, 0, False)


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


# C22 batches


def test_batches_that_block_each_other_tell_both_sides_needs():
    sem = loose(4, 2)
    releaser = queue_releaser(sem, 3)

    with pytest.raises(WaitTimeoutError) as caught:
        sem.permit(3, MOMENT)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, permits.PermitsError)
    text = str(caught.value)
    sem.acquire()

    assert releaser.result() is True
    assert "asking for `3`" in text
    assert "first returns 3" in text


def test_both_queues_wait_at_once_and_are_served_each_in_its_turn():
    # 2 free and 2 loose of 4: three are to be had on neither side.
    sem = loose(4, 2, fair=True)
    acquirer = queue_acquirer(sem, 3)
    releaser = queue_releaser(sem, 3)
    assert (sem.waiting_acquirers, sem.waiting_releasers) == (1, 1)

    sem.grow()

    assert acquirer.result() is True
    assert releaser.result() is True
    assert sem.state() == (5, 3, 2, 2, 0, 0, 0, 0, False)


# with


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
