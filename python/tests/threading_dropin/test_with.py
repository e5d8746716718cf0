"""`with` does as that of `threading`."""

from __future__ import annotations

import pytest

from threading_dropin.conftest import alike, both_kinds


@alike
@both_kinds
def test_with_yields_true_and_returns_the_permit(new):
    sem = new(2)

    with sem as entered:
        assert entered is True
        assert sem._value == 1
        with sem:
            assert sem.acquire(False) is False

    assert sem._value == 2


@alike
@both_kinds
def test_with_returns_the_permit_after_an_exception_and_lets_it_pass(new):
    sem = new(1)

    with pytest.raises(ZeroDivisionError):
        with sem:
            1 / 0

    assert sem._value == 1
    assert sem.__enter__() is True
    assert not sem.__exit__(ValueError, ValueError(), None)
    assert sem._value == 1


@alike
@both_kinds
def test_permit_of_a_with_block_may_be_released_in_it(new):
    sem = new(2)
    sem.acquire()

    with sem:
        sem.release()
        assert sem._value == 1

    assert sem._value == 2


@alike
@both_kinds
def test_with_returns_by_the_release_of_a_subclass(new):
    calls = []

    class Noted(new):
        def release(self, n=1):
            calls.append(n)
            super().release(n)

    sem = Noted(1)
    with sem:
        assert calls == []

    assert calls == [1]
    assert sem._value == 1
