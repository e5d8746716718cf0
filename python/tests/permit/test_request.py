"""A permit comes from a wait that succeeds, and from no constructor, copy or pickle."""

from __future__ import annotations

import copy
import pickle

import pytest

import permits
from conftest import in_thread, wait_until
from permit.conftest import every_class
from permits import BoundedSemaphore, CountSemaphore, Permit, Semaphore, TooManyError, WaitTimeoutError, WouldBlockError


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
