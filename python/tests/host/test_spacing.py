"""Acquisitions that are spaced apart: at most one in a time, for all processes."""

from __future__ import annotations

import time

import pytest

from helpers_async import DEADLINE, eventually
from host.conftest import refused, waiter_of_this_process
from permits import WaitTimeoutError, WouldBlockError

HOUR = 3600


def test_before_the_time_nobody_gets_any(opened):
    sem, other = opened(3, every=HOUR), opened()
    assert sem.acquire(2)

    assert not sem.acquire(blocking=False)
    assert not sem.acquire(timeout=0.01)
    assert not other.acquire(blocking=False)
    with pytest.raises(WouldBlockError, match="its starts are `3600s` apart, and the next may be in `3"):
        sem.permit(blocking=False)
    with pytest.raises(WaitTimeoutError, match="its starts are `3600s` apart, and the next may be in `3"):
        sem.permit(timeout=0.01)
    assert (sem.available, sem.waiting) == (1, 0)
    assert sem.release(2, blocking=False)
    assert sem.acquire(0)


@pytest.mark.parametrize("kind", ["thread", "permit", "task"])
def test_whoever_waits_starts_when_it_is_time(opened, actor, kind):
    sem, other = opened(4, every=HOUR), actor()
    sem.acquire()
    waiters = [waiter_of_this_process(kind, sem) for _ in range(2)]
    assert eventually(lambda: sem.waiting == 2)
    other.waits("permit", sem)
    before = time.monotonic()

    sem.set_interval(0.05)

    assert [waiter.result(DEADLINE) for waiter in waiters] == [True, True]
    assert other.hear() == "got 1"
    # The first may have been due for long.
    assert time.monotonic() - before >= 0.1


def test_the_time_is_stored_and_another_one_is_refused(opened):
    sem = opened(2, every=1.5)

    assert (sem.interval, opened().interval, opened(2, every=1.5).interval) == (1.5, 1.5, 1.5)
    assert "its starts are `1.5s` apart, and not `2s`" in refused("interval-differs", opened, 2, every=2)
    refused("interval-differs", opened, every=0)
    assert opened(2, every=2, resize=True).interval == 2.0
    sem.set_interval(0)
    assert (sem.interval, opened(1, name="other").interval) == (None, None)


@pytest.mark.parametrize(("every", "shown"), [(0.0009, "`900µs`"), (86401, "`86401s`")])
def test_a_time_out_of_range_is_refused(opened, every, shown):
    says = f"starts cannot be {shown} apart: from `1ms` to `86400s`, or `0` to leave them unspaced"
    sem = opened(1)

    with pytest.raises(ValueError, match=says):
        opened(1, name="other", every=every)
    with pytest.raises(ValueError, match=says):
        sem.set_interval(every)


@pytest.mark.parametrize(
    ("every", "shown"),
    [
        (-1, "-1"),
        (-0.5, "-0.5"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (1e300, r"1e\+300"),
        pytest.param(10**400, "inf", id="beyond all floats"),
        pytest.param(-(10**5000), "-inf", id="with more digits than can be printed"),
    ],
)
def test_what_is_no_length_of_time_is_refused_naming_value_and_range(opened, every, shown):
    says = f"starts cannot be `{shown}` seconds apart: give from `0.001` to `86400`, or `0` to leave them unspaced"
    sem = opened(1, every=2)

    for refused in [lambda: opened(1, name="other", every=every), lambda: sem.set_interval(every)]:
        with pytest.raises(ValueError, match=says):
            refused()
    assert sem.interval == 2.0


@pytest.mark.parametrize("every", ["1", object()])
def test_what_is_no_number_is_no_time(opened, every):
    with pytest.raises(TypeError):
        opened(1, every=every)
