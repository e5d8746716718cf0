"""Both verbs wait, and take a batch at once or nothing (C3, C4, C7, C22)."""

from __future__ import annotations

import pytest

import permits
from count.conftest import LONG, both_policies, loose, queue_acquirer, queue_releaser
from permits import CountSemaphore, TooManyError, WaitTimeoutError

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


# C22 batches

# How long a wait has to last before it counts as waiting.
MOMENT = 0.05


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
