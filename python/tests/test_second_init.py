"""A second `__init__` of one semaphore."""

from __future__ import annotations

import pytest

from permits import BoundedSemaphore, CountSemaphore, Semaphore, aio


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore])
def test_both_bases_of_a_class_may_initialize_it(kind):
    class One(kind):
        def __init__(self, value):
            kind.__init__(self, value)

    class Other(kind):
        def __init__(self, value):
            kind.__init__(self, value)

    class Both(One, Other):
        def __init__(self, value):
            One.__init__(self, value)
            self.acquire()
            Other.__init__(self, value)

    sem = Both(2)

    # The second did not set it anew.
    assert sem._value == 1
    sem.release()
    assert sem._value == 2


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore, aio.Semaphore, aio.BoundedSemaphore])
def test_second_init_with_the_same_arguments_changes_nothing(kind):
    sem = kind(3)

    sem.__init__(3)

    assert sem._value == 3


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore, aio.Semaphore, aio.BoundedSemaphore])
def test_second_init_with_other_arguments_is_a_runtime_error(kind):
    sem = kind(3)

    with pytest.raises(RuntimeError, match="called before"):
        sem.__init__(4)

    assert sem._value == 3


def test_second_init_with_another_order_is_a_runtime_error():
    sem = Semaphore(3)

    with pytest.raises(RuntimeError, match="called before"):
        sem.__init__(3, fair=True)


def test_second_init_of_a_semaphore_of_a_fixed_size_is_a_runtime_error():
    sem = CountSemaphore(3)

    with pytest.raises(RuntimeError, match="called before"):
        sem.__init__(4)

    assert sem.max_permits == 3
