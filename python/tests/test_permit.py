"""`Permit`: what a guard holds comes back once, by the guard alone (C5, C6)."""

from __future__ import annotations

import copy
import gc
import pickle
import queue
import sys
import threading

import pytest

import permits
from conftest import in_thread, run_in_threads, wait_until
from permits import BoundedSemaphore, CountSemaphore, Permit, Semaphore, TooManyError, WaitTimeoutError, WouldBlockError

every_class = pytest.mark.parametrize("kind", [CountSemaphore, Semaphore, BoundedSemaphore])


@every_class
def test_permit_holds_one_until_its_block_ends(kind):
    sem = kind(2)

    with sem.permit() as permit:
        assert isinstance(permit, Permit)
        assert permit.count == 1
        assert sem.available == 1
    assert permit.count == 0

    assert sem.available == 2


@every_class
def test_permit_comes_back_when_its_block_raises(kind):
    sem = kind(1)

    with pytest.raises(ZeroDivisionError):
        with sem.permit():
            1 / 0

    assert sem.available == 1


@every_class
def test_release_in_the_block_and_after_it_returns_once(kind):
    sem = kind(2)

    with sem.permit(2) as permit:
        permit.release()
        assert sem.available == 2
        permit.release()
    permit.release()

    assert sem.available == 2
    assert permit.count == 0


@every_class
def test_permit_holds_as_many_as_asked_for(kind):
    sem = kind(5)

    permit = sem.permit(3)
    assert permit.count == 3
    assert sem.available == 2
    permit.release()

    assert sem.available == 5


@every_class
def test_dropped_permit_comes_back(kind):
    sem = kind(1)

    permit = sem.permit()
    assert sem.available == 0
    del permit

    assert sem.available == 1


@every_class
def test_permit_that_nobody_kept_comes_back(kind):
    sem = kind(1)

    sem.permit()

    assert sem.available == 1


@every_class
def test_permit_in_a_cycle_comes_back_with_the_garbage(kind):
    class Job:
        pass

    sem = kind(1)
    job = Job()
    job.itself, job.permit, job.sem = job, sem.permit(), sem

    gc.collect()
    assert sem.available == 0
    del job
    gc.collect()

    assert sem.available == 1


@every_class
def test_permit_outlives_the_last_name_of_its_semaphore(kind):
    sem = kind(2)
    permit = sem.permit()

    del sem
    gc.collect()
    assert permit.count == 1
    permit.release()

    assert permit.count == 0


@every_class
def test_permit_is_released_by_another_thread(kind):
    sem = kind(1)
    handed = queue.Queue()

    def take():
        handed.put(sem.permit())

    def give():
        with handed.get(timeout=20):
            assert sem.available == 0

    run_in_threads(take, give)

    assert sem.available == 1


@every_class
def test_permit_is_dropped_by_another_thread(kind):
    sem = kind(1)
    handed = [sem.permit()]

    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting == 1)
    in_thread(handed.clear).result()

    assert waiter.result() is True


@every_class
def test_release_of_one_permit_by_many_threads_returns_it_once(kind):
    sem = kind(4)

    for _ in range(50):
        permit = sem.permit(2)
        barrier = threading.Barrier(4)

        def release(permit=permit, barrier=barrier):
            barrier.wait(20)
            permit.release()

        run_in_threads(*[release] * 4)
        assert sem.available == 4


def test_bare_release_never_returns_what_a_permit_holds():
    sem = CountSemaphore(2)
    permit = sem.permit(2)

    assert sem.release(blocking=False) is False
    assert sem.release(timeout=0.001) is False
    assert (permit.count, sem.given_out, sem.loose) == (2, 2, 0)
    permit.release()

    assert sem.release(blocking=False) is False
    assert sem.available == 2


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


def test_permit_that_is_not_to_be_had_raises_and_takes_nothing():
    sem = CountSemaphore(2)
    sem.acquire()

    with pytest.raises(WouldBlockError) as caught:
        sem.permit(2, blocking=False)
    assert isinstance(caught.value, permits.PermitsError)
    with pytest.raises(WaitTimeoutError) as caught:
        sem.permit(2, 0.001)
    assert isinstance(caught.value, TimeoutError)
    for timeout in (0, -1):
        with pytest.raises((WaitTimeoutError, WouldBlockError)):
            sem.permit(2, timeout)
    with pytest.raises(TooManyError):
        sem.permit(3)

    assert sem.state() == (2, 1, 1, 1, 0, 0, 0, 0, False)


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore])
def test_permit_of_a_drop_in_raises_where_nothing_is_free(kind):
    sem = kind(1)
    held = sem.permit()

    with pytest.raises(WouldBlockError):
        sem.permit(blocking=False)
    with pytest.raises(WaitTimeoutError):
        sem.permit(timeout=0.001)

    assert (held.count, sem.available, sem.waiting) == (1, 0, 0)


@every_class
def test_permit_waits_for_a_release(kind):
    sem = kind(1)
    first = sem.permit()
    waiter = in_thread(sem.permit, timeout=20)
    wait_until(lambda: sem.waiting == 1)

    first.release()
    second = waiter.result()

    assert (first.count, second.count, sem.available) == (0, 1, 0)


def test_split_off_part_serves_a_waiter_alone():
    sem = CountSemaphore(3)
    permit = sem.permit(3)
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting_acquirers == 1)

    permit.split(1).release()

    assert waiter.result() is True
    assert (permit.count, sem.given_out, sem.loose) == (2, 3, 1)


def test_permit_cannot_be_made_subclassed_or_copied():
    sem = CountSemaphore(2)
    permit = sem.permit()

    with pytest.raises(TypeError):
        Permit()
    with pytest.raises(TypeError):
        type("Mine", (Permit,), {})
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(permit)

    assert (permit.count, sem.given_out) == (1, 1)


def test_count_of_a_permit_is_read_only():
    sem = CountSemaphore(2)
    permit = sem.permit()

    with pytest.raises(AttributeError):
        permit.count = 2

    assert permit.count == 1


def test_permit_can_be_entered_again_and_returns_when_the_block_ends():
    sem = CountSemaphore(1)
    permit = sem.permit()

    with permit as entered:
        assert entered is permit
        assert sem.available == 0

    assert sem.available == 1


def test_permits_and_semaphores_do_not_leak():
    sem = CountSemaphore(4)

    def use():
        with sem.permit(2) as permit:
            other = permit.split(1)
            permit.merge(other)
        with sem:
            pass
        sem.acquire()
        sem.release()

    for _ in range(100):
        use()
    counted = sys.getrefcount(sem)
    for _ in range(1_000):
        use()

    assert sys.getrefcount(sem) == counted
    assert sem.available == 4
