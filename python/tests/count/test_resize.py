"""`resize`, `grow` and `shrink` (C13)."""

from __future__ import annotations

import pytest

import permits
from count.conftest import loose, queue_acquirer
from permits import CountSemaphore, TooManyError


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


@pytest.mark.parametrize(("act", "n"), [("shrink", 5), ("shrink", 2), ("grow", permits.MAX_PERMITS)])
def test_a_change_out_of_range_names_what_there_is(act, n):
    sem = CountSemaphore(2)

    with pytest.raises(ValueError) as caught:
        getattr(sem, act)(n)

    assert str(caught.value) == (
        f"cannot {act} by `{n}`: max_permits is `2`, and must be between `1` and `{permits.MAX_PERMITS}`"
    )
    assert sem.max_permits == 2
