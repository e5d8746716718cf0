"""What a permit holds comes back once, by the permit alone (C5, C6)."""

from __future__ import annotations

import gc
import queue
import sys
import threading

import pytest

from conftest import in_thread, run_in_threads, wait_until
from permit.conftest import every_class
from permits import CountSemaphore, Permit


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
