"""`forget`, `split` and `merge`: no permit is lost, and none is added."""

from __future__ import annotations

import threading

import pytest

from conftest import in_thread, run_in_threads, wait_until
from permit.conftest import every_class
from permits import BoundedSemaphore, CountSemaphore


def test_forget_leaves_the_permits_out_as_loose_ones():
    sem = CountSemaphore(3)
    permit = sem.permit(2)

    permit.forget()
    assert permit.count == 0
    assert (sem.available, sem.given_out, sem.loose) == (1, 2, 2)
    permit.release()
    permit.forget()
    del permit
    assert sem.loose == 2
    assert sem.release(2) is True

    assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False)


def test_forget_lets_a_release_that_waits_go():
    sem = CountSemaphore(1)
    permit = sem.permit()
    waiter = in_thread(sem.release)
    wait_until(lambda: sem.waiting_releasers == 1)

    permit.forget()

    assert waiter.result() is True
    assert sem.available == 1


def test_forgotten_permit_of_a_bounded_semaphore_is_returned_by_release():
    sem = BoundedSemaphore(1)

    sem.permit().forget()
    assert sem.available == 0
    sem.release()

    assert sem.available == 1
    with pytest.raises(ValueError):
        sem.release()


def test_split_shares_the_permits_out():
    sem = CountSemaphore(5)
    permit = sem.permit(5)

    two = permit.split(2)
    one = permit.split()
    assert (permit.count, two.count, one.count) == (2, 2, 1)
    assert sem.given_out == 5
    two.release()
    assert sem.available == 2
    one.release()
    permit.release()

    assert sem.available == 5


@pytest.mark.parametrize("n", [4, 2**32, 2**70, -1])
def test_split_of_more_than_there_are_is_refused(n):
    sem = CountSemaphore(5)
    permit = sem.permit(3)

    with pytest.raises(ValueError):
        permit.split(n)
    for bad in (1.0, "1", None):
        with pytest.raises(TypeError):
            permit.split(bad)

    assert (permit.count, sem.given_out) == (3, 3)


def test_split_may_take_all_or_nothing():
    sem = CountSemaphore(3)
    permit = sem.permit(3)

    rest = permit.split(3)
    none = rest.split(0)

    assert (permit.count, rest.count, none.count) == (0, 3, 0)
    assert sem.given_out == 3


def test_split_off_part_serves_a_waiter_alone():
    sem = CountSemaphore(3)
    permit = sem.permit(3)
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting_acquirers == 1)

    permit.split(1).release()

    assert waiter.result() is True
    assert (permit.count, sem.given_out, sem.loose) == (2, 3, 1)


@every_class
def test_merge_puts_two_permits_together(kind):
    sem = kind(5)
    one, other = sem.permit(2), sem.permit(3)

    one.merge(other)

    assert (one.count, other.count) == (5, 0)
    other.release()
    assert sem.available == 0
    one.release()
    assert sem.available == 5


@every_class
def test_merge_of_two_semaphores_permits_is_refused_and_both_keep_theirs(kind):
    sem, another = kind(3), kind(3)
    one, other = sem.permit(1), another.permit(2)

    with pytest.raises(ValueError):
        one.merge(other)

    assert (one.count, other.count) == (1, 2)
    one.release()
    other.release()
    assert (sem.available, another.available) == (3, 3)


def test_merge_with_itself_doubles_nothing():
    sem = CountSemaphore(3)
    permit = sem.permit(2)

    try:
        permit.merge(permit)
    except ValueError:
        pass

    assert (permit.count, sem.given_out) == (2, 2)
    permit.release()
    assert sem.available == 3


def test_two_permits_merged_into_each_other_by_two_threads_keep_their_sum():
    sem = CountSemaphore(4)

    for _ in range(100):
        one, other = sem.permit(1), sem.permit(3)
        barrier = threading.Barrier(2)

        def merge(into, of, barrier=barrier):
            barrier.wait(20)
            try:
                into.merge(of)
            except ValueError:
                # The other thread was first: `into` holds nothing any more.
                assert into.count == 0

        run_in_threads(lambda o=one, p=other: merge(o, p), lambda o=one, p=other: merge(p, o))
        assert sorted([one.count, other.count]) == [0, 4]
        one.release()
        other.release()
        assert sem.available == 4


def test_merge_takes_only_permits():
    sem = CountSemaphore(3)
    permit = sem.permit()

    for bad in (None, 1, sem, object()):
        with pytest.raises(TypeError):
            permit.merge(bad)

    assert permit.count == 1
