"""Where permits differs from `threading`, or has more."""

from __future__ import annotations

import copy
import pickle
import time

import pytest

import permits
from conftest import in_thread, wait_until
from permits import BoundedSemaphore, TooManyError
from threading_dropin.conftest import ours


@ours
@pytest.mark.parametrize("bad", [1.5, 1.0, float("nan"), "1", None, 2 + 0j, [1]], ids=str)
def test_value_has_to_be_an_integer(cls, bad):
    with pytest.raises(TypeError):
        cls(bad)
    with pytest.raises(TypeError):
        cls(value=bad)


@ours
@pytest.mark.parametrize("value", [2**22, 2**31, 2**32, 2**32 + 1, 2**63, 2**64, 2**70, 10**400])
def test_value_beyond_the_limit_is_an_overflow(cls, value):
    with pytest.raises(OverflowError):
        cls(value)


@ours
def test_value_up_to_the_limit_is_taken(cls):
    sem = cls(permits.MAX_PERMITS)

    assert sem.acquire(n=permits.MAX_PERMITS) is True
    assert sem._value == 0
    sem.release(permits.MAX_PERMITS)
    assert sem._value == permits.MAX_PERMITS


@pytest.mark.parametrize("n", [2**22, 2**32, 2**63, 2**64 + 1, 2**70, 10**400])
def test_release_beyond_the_limit_is_an_overflow(n):
    sem = permits.Semaphore(2)

    with pytest.raises(OverflowError):
        sem.release(n)
    assert sem._value == 2
    sem.release(permits.MAX_PERMITS - 2)
    with pytest.raises(OverflowError):
        sem.release()

    assert sem._value == permits.MAX_PERMITS


@pytest.mark.parametrize("n", [2**22, 2**32, 2**32 + 1, 2**63, 2**64 + 1, 2**70, 10**400])
def test_bounded_release_of_huge_numbers_is_too_many(n):
    sem = permits.BoundedSemaphore(2)
    sem.acquire()

    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release(n)

    assert sem._value == 1


@ours
@pytest.mark.parametrize("bad", [1.0, 1.5, float("nan")])
def test_release_of_a_float_is_refused_and_changes_nothing(cls, bad):
    sem = cls(3)
    sem.acquire()

    with pytest.raises(TypeError):
        sem.release(bad)

    assert sem._value == 2
    assert type(sem._value) is int


@ours
def test_release_never_waits(cls):
    sem = cls(1)
    start = time.monotonic()

    try:
        sem.release()
    except ValueError:
        assert cls is permits.BoundedSemaphore

    assert time.monotonic() - start < 5
    assert sem.waiting == 0


@ours
def test_batches_are_taken_at_once(cls):
    sem = cls(4)

    assert sem.acquire(n=3) is True
    assert sem.acquire(n=2, blocking=False) is False
    assert sem.acquire(n=2, timeout=0.001) is False
    assert sem._value == 1
    waiter = in_thread(sem.acquire, n=3)
    wait_until(lambda: sem.waiting == 1)
    sem.release()
    assert sem.waiting == 1
    sem.release()

    assert waiter.result() is True
    assert sem._value == 0


def test_batch_beyond_the_bound_is_refused_at_once():
    sem = permits.BoundedSemaphore(4)

    with pytest.raises(permits.TooManyError) as caught:
        sem.acquire(n=9)

    assert "9" in str(caught.value) and "4" in str(caught.value)
    assert sem._value == 4


def test_batch_beyond_the_value_waits_as_the_value_may_grow():
    sem = permits.Semaphore(1)
    assert sem.acquire(n=2, timeout=0.001) is False
    waiter = in_thread(sem.acquire, n=2)
    wait_until(lambda: sem.waiting == 1)

    sem.release()

    assert waiter.result() is True
    assert sem._value == 0


@ours
@pytest.mark.parametrize("fair", [False, True])
def test_readings(cls, fair):
    sem = cls(2, fair=fair)

    assert (sem.fair, sem.closed, sem.available, sem.waiting) == (fair, False, 2, 0)
    sem.acquire(n=2)
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting == 1)
    assert sem.available == 0
    sem.release()

    assert waiter.result() is True
    for name in ("fair", "closed", "available", "waiting", "_value"):
        with pytest.raises(AttributeError):
            setattr(sem, name, 1)


@ours
def test_fair_serves_in_order(cls):
    sem = cls(1, fair=True)
    sem.acquire()
    order, waiters = [], []

    def wait(turn):
        sem.acquire()
        order.append(turn)

    for turn in range(6):
        waiters.append(in_thread(wait, turn))
        wait_until(lambda turn=turn: sem.waiting == turn + 1)
    for turn in range(6):
        sem.release()
        assert sem.acquire(False) is False
        wait_until(lambda turn=turn: len(order) == turn + 1)

    assert order == list(range(6))
    for waiter in waiters:
        waiter.result()


@ours
def test_close_wakes_all_who_wait_and_lets_permits_back(cls):
    sem = cls(2)
    sem.acquire()
    held = sem.permit()

    def enter():
        with sem:
            raise AssertionError("it is closed")

    waiters = [in_thread(sem.acquire), in_thread(sem.acquire, timeout=20), in_thread(sem.permit), in_thread(enter)]
    wait_until(lambda: sem.waiting == 4)
    sem.close()

    for waiter in waiters:
        with pytest.raises(permits.ClosedError):
            waiter.result()
    assert sem.closed is True
    for request in (sem.acquire, lambda: sem.acquire(False), sem.permit, sem.__enter__):
        with pytest.raises(permits.ClosedError):
            request()
    sem.release()
    held.release()
    assert sem.available == 2


def test_bounded_semaphore_resizes():
    sem = permits.BoundedSemaphore(1)
    sem.acquire()
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting == 1)

    sem.grow()
    assert waiter.result() is True
    assert (sem.max_permits, sem.given_out, sem.loose) == (2, 2, 2)
    sem.resize(1)
    sem.release()
    assert sem._value == 0
    sem.release()
    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release()

    assert sem.state() == (1, 1, 0, 0, 0, 0, 0, 0, False)
    assert repr(sem).endswith("value=1/1>")


every_class = pytest.mark.parametrize("cls", [permits.Semaphore, permits.BoundedSemaphore, permits.CountSemaphore])


@every_class
def test_permits_classes_cannot_be_pickled_or_copied(cls):
    sem = cls(2)

    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(sem)

    assert sem.available == 2


@every_class
def test_classes_say_where_they_live(cls):
    assert cls.__module__ == "permits"
    assert cls.__qualname__ == cls.__name__
    assert getattr(permits, cls.__name__) is cls
    assert cls.__name__ in permits.__all__


def test_errors_are_of_the_kinds_that_users_catch():
    assert issubclass(permits.PermitsError, Exception)
    assert issubclass(permits.ClosedError, permits.PermitsError)
    assert issubclass(permits.TooManyError, (permits.PermitsError,)) and issubclass(permits.TooManyError, ValueError)
    assert issubclass(permits.WaitTimeoutError, permits.PermitsError) and issubclass(permits.WaitTimeoutError, TimeoutError)
    assert issubclass(permits.WouldBlockError, permits.PermitsError)
    assert issubclass(permits.EtcdError, permits.PermitsError) and not issubclass(permits.EtcdError, permits.HostError)
    for name in permits.__all__:
        thing = getattr(permits, name)
        if isinstance(thing, type) and issubclass(thing, Exception):
            assert (thing.__module__, thing.__name__) == ("permits", name)
            has_kind = issubclass(thing, (permits.HostError, permits.EtcdError))
            arguments = ("text", "not-found") if has_kind else ("text",)
            assert type(pickle.loads(pickle.dumps(thing(*arguments)))) is thing


@pytest.mark.parametrize("grow", [lambda sem: sem.resize(5), lambda sem: sem.grow(5)], ids=["resize", "grow"])
def test_bounded_semaphore_that_grew_from_0_has_as_many_permits_as_it_says(grow):
    sem = BoundedSemaphore(0)
    grow(sem)
    assert sem.max_permits == 5

    with pytest.raises(TooManyError):
        sem.acquire(n=6, timeout=0)

    assert sem.acquire(n=5, timeout=0) is True
    assert sem.available == 0
