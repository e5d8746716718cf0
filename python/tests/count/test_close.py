"""`close` wakes all waiters, and permits that are out come back after it (C12)."""

from __future__ import annotations

import pytest

import permits
from conftest import in_thread, wait_until
from count.conftest import LONG, both_policies, loose, queue_acquirer, queue_releaser
from permits import ClosedError, CountSemaphore


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
