"""The numbers of permits that a semaphore may have, and those it starts with (C1, C2)."""

from __future__ import annotations

import pytest

import permits
from permits import CountSemaphore


def test_starts_with_all_permits_free():
    sem = CountSemaphore(3)

    assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False)
    assert sem.fair is False
    assert CountSemaphore(3, fair=True).fair is True


def test_permits_is_positional_or_keyword():
    assert CountSemaphore(permits=2).max_permits == 2
    with pytest.raises(TypeError):
        CountSemaphore()
    with pytest.raises(TypeError):
        CountSemaphore(1, True)


@pytest.mark.parametrize("bad", [0, -1, -(2**70), permits.MAX_PERMITS + 1, 2**31, 2**32, 2**32 + 1, 2**63, 2**64 + 1, 2**70])
def test_refuses_numbers_of_permits_out_of_range_and_names_them(bad):
    with pytest.raises(ValueError) as caught:
        CountSemaphore(bad)

    assert str(bad) in str(caught.value)
    assert "4194303" in str(caught.value)


def test_takes_the_largest_number_of_permits():
    assert permits.MAX_PERMITS == 4_194_303

    sem = CountSemaphore(permits.MAX_PERMITS)

    assert sem.acquire(permits.MAX_PERMITS) is True
    assert sem.acquire(blocking=False) is False
    assert sem.release(permits.MAX_PERMITS) is True
    assert sem.available == permits.MAX_PERMITS


def test_count_never_passes_its_bounds():
    sem = CountSemaphore(2)

    assert sem.release(blocking=False) is False
    assert [sem.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    assert [sem.release(blocking=False) for _ in range(3)] == [True, True, False]
    assert sem.available == 2
