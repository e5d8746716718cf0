"""`acquire` and `release` do as those of `threading`."""

from __future__ import annotations

import time

import pytest

from conftest import in_thread, run_in_threads
from threading_dropin.conftest import alike, both_kinds

# acquire


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}), ((True,), {}), ((False,), {}), ((1,), {}), ((0,), {}), ((True, None), {}), ((False, None), {}), ((True, 0.01), {}),
        ((True, 1), {}), ((True, 0), {}), ((True, -1), {}), ((), {"blocking": True}), ((), {"blocking": False}), ((), {"timeout": 0.01}),
        ((), {"timeout": None}), ((), {"timeout": 0}), ((), {"timeout": -1.5}), ((True,), {"timeout": 0.01}),
        ((), {"blocking": False, "timeout": None}), ((), {"timeout": 0.01, "blocking": True}), ((), {"timeout": True}),
        ((), {"blocking": "yes"}), ((), {"blocking": ""}), ((), {"blocking": None}), ((), {"blocking": []}),
    ],
    ids=str,
)  # fmt: skip
def test_acquire_takes_a_free_permit(new, args, kwargs):
    sem = new(2)

    assert sem.acquire(*args, **kwargs) is True

    assert sem._value == 1


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}), ((0,), {}), ((False, None), {}), ((True, 0.01), {}), ((True, 0), {}), ((True, -1), {}), ((), {"blocking": False}),
        ((), {"timeout": 0.01}), ((), {"timeout": 0}), ((), {"timeout": -1}), ((1, 0), {}), ((), {"blocking": None}), ((None,), {}),
    ],
    ids=str,
)  # fmt: skip
def test_acquire_is_false_when_nothing_is_free(new, args, kwargs):
    sem = new(1)
    sem.acquire()

    assert sem.acquire(*args, **kwargs) is False

    assert sem._value == 0


@alike
@both_kinds
@pytest.mark.parametrize("timeout", [0, 0.0, 1, 1.0, -1])
def test_non_blocking_acquire_takes_no_timeout(new, timeout):
    sem = new(1)

    for args, kwargs in (((False, timeout), {}), ((), {"blocking": False, "timeout": timeout}), ((0, timeout), {})):
        with pytest.raises(ValueError, match=r"^can't specify timeout for non-blocking acquire$"):
            sem.acquire(*args, **kwargs)

    assert sem._value == 1


@alike
@both_kinds
def test_timed_acquire_is_served(new):
    sem = new(1)
    sem.acquire()
    start = time.monotonic()
    waiter = in_thread(sem.acquire, True, 60)

    sem.release()

    assert waiter.result() is True
    assert time.monotonic() - start < 20


@alike
@both_kinds
def test_timed_acquire_lasts_its_time(new):
    sem = new(0)
    start = time.monotonic()

    assert sem.acquire(timeout=0.1) is False

    assert 0.1 <= time.monotonic() - start < 5


# release


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs", "value"), [((), {}, 2), ((1,), {}, 2), ((2,), {}, 3), ((), {"n": 3}, 4), ((True,), {}, 2), ((3,), {}, 4)], ids=str
)
def test_release_returns_permits_and_returns_none(new, args, kwargs, value):
    sem = new(4)
    for _ in range(3):
        sem.acquire()

    assert sem.release(*args, **kwargs) is None

    assert sem._value == value


@alike
@both_kinds
@pytest.mark.parametrize("n", [0, -1, -(2**70), False])
def test_release_of_fewer_than_one_is_refused(new, n):
    sem = new(2)
    sem.acquire()

    with pytest.raises(ValueError, match=r"^n must be one or more$"):
        sem.release(n)
    with pytest.raises(ValueError, match=r"^n must be one or more$"):
        sem.release(n=n)

    assert sem._value == 1


@alike
@pytest.mark.parametrize("kind", ["Semaphore"])
def test_release_of_what_nobody_took_grows_the_value(new):
    sem = new(0)

    sem.release()
    sem.release(3)

    assert sem._value == 4
    assert [sem.acquire(False) for _ in range(5)] == [True] * 4 + [False]


@alike
@pytest.mark.parametrize("kind", ["BoundedSemaphore"])
@pytest.mark.parametrize(("value", "out", "n"), [(1, 0, 1), (3, 1, 2), (3, 2, 3), (0, 0, 1), (3, 2, 100)])
def test_bounded_release_beyond_the_bound_is_refused_as_a_whole(new, value, out, n):
    sem = new(value)
    for _ in range(out):
        sem.acquire()

    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release(n)

    assert sem._value == value - out
    assert [sem.acquire(False) for _ in range(value - out + 1)] == [True] * (value - out) + [False]


@alike
@both_kinds
def test_release_wakes_as_many_as_it_returns(new):
    sem = new(3)
    for _ in range(3):
        sem.acquire()
    waiters = [in_thread(sem.acquire) for _ in range(3)]
    late = in_thread(sem.acquire, timeout=0.4)

    sem.release(2)
    sem.release()

    # Which of the four is served last is nobody's promise, so the late one's permit may be any.
    if late.result():
        sem.release()
    assert [waiter.result() for waiter in waiters] == [True] * 3
    assert sem._value == 0


# both


@alike
@both_kinds
def test_bounds_how_many_threads_are_inside(new):
    sem = new(3)
    inside, most = [], []

    def work():
        for _ in range(100):
            with sem:
                inside.append(None)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    run_in_threads(*[work] * 8)

    assert max(most) <= 3
    assert sem._value == 3


@alike
@both_kinds
def test_hands_over_between_two_threads(new):
    ping, pong = new(1), new(1)
    ping.acquire()
    pong.acquire()
    said = []

    def one():
        for _ in range(200):
            said.append("ping")
            ping.release()
            pong.acquire()

    def other():
        for _ in range(200):
            ping.acquire()
            said.append("pong")
            pong.release()

    run_in_threads(one, other)

    assert said == ["ping", "pong"] * 200
