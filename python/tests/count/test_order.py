"""The order of service, and that no request starves (C8, C9)."""

from __future__ import annotations

from conftest import in_thread, wait_until
from count.conftest import LONG, both_policies, loose, queue_acquirer, queue_releaser
from permits import CountSemaphore

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


# The documented bound on how often a waiter is passed under the default policy (C8).
DEFAULT_OVERTAKES = 65_536


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
