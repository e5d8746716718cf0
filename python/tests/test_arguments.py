"""What is no number, or no possible one, is refused with the error that users expect, and changes nothing (C21)."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import pytest

import permits
from permits import BoundedSemaphore, CountSemaphore, Semaphore, TooManyError


class Index:
    """A whole number that is no int, as numpy has them."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Float:
    """A real number that is no float, as numpy has them."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


class Broken:
    """Whoever asks it for a number gets an error of its own."""

    def __init__(self, error):
        self.error = error

    def __index__(self):
        raise self.error

    __float__ = __index__


class Mine(Exception):
    pass


HUGE = [10**400, 2**70, 2**64, 2**64 + 1, 2**63, 2**32, 2**32 + 1, 2**31]

# No whole numbers, whatever their value.
NO_COUNTS = [
    1.0, 0.0, -1.0, 1.5, math.nan, math.inf, -math.inf, "1", "", b"1", None, 1j, [], [1], (), {}, object(),
    Float(1.0), Fraction(1), Decimal(1), Index("1"), Index(1.0), Index(None),
]

# No times, whatever they look like.
NO_TIMES = [
    "1", "1.5", "", "nan", b"1", 1j, [], [1], (), {}, object(), datetime.timedelta(seconds=1), Float("1"),
    Float(None), Index("1"),
]

NOT_A_NUMBER = [math.nan, -math.nan, Float(math.nan), Decimal("NaN")]

# Over at once.
OVER = [
    0, 0.0, -0.0, -1, -0.5, -5e-324, -math.inf, -(10**400), -(2**70), False, Float(-1.0), Float(0.0), Index(-1),
    Index(0), Index(-(10**400)), Fraction(-1, 3), Decimal("-1"), Decimal("-Infinity"), Decimal("-1e400"),
]

# Long, and for ever.
LONG = [
    60, 60.0, 1e10, 1e18, 1e300, math.inf, 10**400, 2**70, 2**64, 9223372036, 9223372037, True, Float(60.0),
    Float(math.inf), Index(60), Index(10**400), Fraction(60), Decimal(60), Decimal("Infinity"), Decimal("1e400"),
]

# One that is free, and loose ones for a release, whichever is called.
CALLS = [
    (CountSemaphore, "acquire"),
    (CountSemaphore, "release"),
    (CountSemaphore, "permit"),
    (Semaphore, "acquire"),
    (Semaphore, "permit"),
    (BoundedSemaphore, "acquire"),
    (BoundedSemaphore, "permit"),
]
every_call = pytest.mark.parametrize(("cls", "name"), CALLS, ids=lambda call: getattr(call, "__name__", call))


def name_of(value):
    try:
        inner = getattr(value, "value", getattr(value, "error", ""))
        return (type(value).__name__ + "(" + repr(inner if inner != "" else value) + ")")[:40]
    except ValueError:
        return type(value).__name__


def half(cls):
    """Two of four are out, and loose."""
    sem = cls(4)
    assert sem.acquire(n=2) is True
    return sem


def reading(sem):
    return sem._value if type(sem) is Semaphore else sem.state()


def ids(values):
    return {"argvalues": values, "ids": [name_of(value) for value in values]}


@every_call
@pytest.mark.parametrize("timeout", **ids(NO_TIMES))
def test_timeout_that_is_no_number_is_a_type_error_also_when_nothing_has_to_wait(cls, name, timeout):
    sem = half(cls)
    before = reading(sem)

    for n in (1, 3):
        with pytest.raises(TypeError):
            getattr(sem, name)(n=n, timeout=timeout)

    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("timeout", **ids(NOT_A_NUMBER))
def test_nan_is_a_value_error_also_when_nothing_has_to_wait(cls, name, timeout):
    sem = half(cls)
    before = reading(sem)

    for n in (1, 3):
        with pytest.raises(ValueError, match=r"(?i)nan"):
            getattr(sem, name)(n=n, timeout=timeout)

    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("timeout", **ids(OVER))
def test_timeout_that_is_over_is_a_try(cls, name, timeout):
    sem = half(cls)
    call = getattr(sem, name)
    before = reading(sem)

    if name == "permit":
        with pytest.raises((permits.WaitTimeoutError, permits.WouldBlockError)):
            call(n=3, timeout=timeout)
        assert call(n=2, timeout=timeout).count == 2
    else:
        assert call(n=3, timeout=timeout) is False
        assert reading(sem) == before
        assert call(n=2, timeout=timeout) is True
        (sem.acquire if name == "release" else sem.release)(n=2)

    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("timeout", **ids(LONG))
def test_long_timeout_takes_what_is_free(cls, name, timeout):
    sem = half(cls)
    before = reading(sem)

    result = getattr(sem, name)(n=2, timeout=timeout)

    assert result is True or result.count == 2
    if name == "permit":
        del result
    else:
        (sem.acquire if name == "release" else sem.release)(n=2)
    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("error", [Mine(), OverflowError("mine"), TypeError("mine"), ValueError("mine"), KeyboardInterrupt()], ids=repr)
def test_error_of_an_argument_comes_through(cls, name, error):
    sem = half(cls)
    before = reading(sem)

    for kwargs in ({"n": Broken(error)}, {"timeout": Broken(error)}, {"n": 3, "timeout": Broken(error)}):
        with pytest.raises(type(error)) as caught:
            getattr(sem, name)(**kwargs)
        assert caught.value is error

    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("n", **ids(NO_COUNTS))
def test_n_that_is_no_whole_number_is_a_type_error(cls, name, n):
    sem = half(cls)
    before = reading(sem)

    for kwargs in ({}, {"timeout": 0}, {"blocking": False}):
        with pytest.raises(TypeError):
            getattr(sem, name)(n=n, **kwargs)

    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("n", **ids([-1, -2, -(2**31), -(2**32), -(2**32) + 1, -(2**63), -(2**64) + 1, -(10**400), Index(-1), Index(-(10**400))]))
def test_negative_n_is_a_value_error(cls, name, n):
    sem = half(cls)
    before = reading(sem)

    with pytest.raises(ValueError) as caught:
        getattr(sem, name)(n=n)

    assert not isinstance(caught.value, TooManyError)
    assert reading(sem) == before


@every_call
@pytest.mark.parametrize("n", **ids(HUGE + [Index(2**32 + 1), Index(2**70), Index(10**400)]))
def test_huge_n_is_too_many_at_once(cls, name, n):
    sem = half(cls)
    before = reading(sem)

    for kwargs in ({}, {"timeout": 60}, {"timeout": 0}, {"blocking": False}):
        with pytest.raises(TooManyError) as caught:
            getattr(sem, name)(n=n, **kwargs)
        if isinstance(n, int):
            assert str(n) in str(caught.value)

    assert reading(sem) == before


@every_call
def test_n_may_be_any_object_that_is_a_whole_number(cls, name):
    sem = half(cls)
    before = reading(sem)

    result = getattr(sem, name)(n=Index(2))

    assert result is True or result.count == 2
    if name == "permit":
        result.release()
    else:
        (sem.acquire if name == "release" else sem.release)(n=Index(2))
    assert reading(sem) == before


@pytest.mark.parametrize("cls", [Semaphore, BoundedSemaphore])
@pytest.mark.parametrize("n", **ids(NO_COUNTS))
def test_n_that_is_no_whole_number_is_a_type_error_for_a_release_that_never_waits(cls, n):
    sem = half(cls)

    with pytest.raises(TypeError):
        sem.release(n)
    with pytest.raises(TypeError):
        sem.release(n=n)

    assert sem._value == 2


@pytest.mark.parametrize("error", [Mine(), OverflowError("mine"), TypeError("mine"), KeyboardInterrupt()], ids=repr)
def test_error_of_an_argument_comes_through_everywhere(error):
    sem, drop_in, bounded = half(CountSemaphore), half(Semaphore), half(BoundedSemaphore)
    permit = sem.permit()
    before = sem.state()

    for call in (
        CountSemaphore, Semaphore, BoundedSemaphore, drop_in.release, bounded.release, sem.resize, sem.grow, sem.shrink, bounded.resize,
        bounded.grow, bounded.shrink, permit.split,
    ):  # fmt: skip
        with pytest.raises(type(error)) as caught:
            call(Broken(error))
        assert caught.value is error

    assert (sem.state(), permit.count, drop_in._value, bounded.state()[:4]) == (before, 1, 2, (4, 2, 2, 2))


@pytest.mark.parametrize("bad", **ids(NO_COUNTS))
def test_numbers_of_permits_have_to_be_whole(bad):
    sem, bounded = half(CountSemaphore), half(BoundedSemaphore)

    for call in (
        CountSemaphore, Semaphore, BoundedSemaphore, sem.resize, sem.grow, sem.shrink, bounded.resize, bounded.grow, bounded.shrink,
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call(bad)

    assert (sem.state()[:4], bounded.state()[:4]) == ((4, 2, 2, 2), (4, 2, 2, 2))


def test_numbers_of_permits_may_be_any_object_that_is_a_whole_number():
    sem = CountSemaphore(Index(2))

    sem.resize(Index(5))
    sem.grow(Index(2))
    sem.shrink(Index(3))

    assert sem.max_permits == 4
    assert (Semaphore(Index(0))._value, BoundedSemaphore(Index(2))._value) == (0, 2)


@pytest.mark.parametrize("bad", **ids([0, -1, -(10**400), permits.MAX_PERMITS + 1, *HUGE, Index(0), Index(-(2**70)), Index(10**400)]))
def test_impossible_numbers_of_permits_are_value_errors(bad):
    sem, bounded = half(CountSemaphore), half(BoundedSemaphore)

    for call in (CountSemaphore, sem.resize, bounded.resize):
        with pytest.raises(ValueError):
            call(bad)

    assert (sem.state()[:4], bounded.state()[:4]) == ((4, 2, 2, 2), (4, 2, 2, 2))


def test_argument_that_uses_the_semaphore_while_it_is_asked_for_its_number():
    sem = CountSemaphore(4)

    class Busy:
        def __index__(self):
            sem.acquire(2)
            with sem:
                sem.release()
            return 2

        def __float__(self):
            with sem.permit():
                return 1.0

    assert sem.acquire(Busy(), Busy()) is True

    assert (sem.given_out, sem.loose) == (3, 3)


def test_argument_that_closes_the_semaphore_while_it_is_asked_for_its_number():
    sem = CountSemaphore(4)

    class Closing:
        def __index__(self):
            sem.close()
            return 2

    with pytest.raises(permits.ClosedError):
        sem.acquire(Closing())

    assert sem.state() == (4, 4, 0, 0, 0, 0, 0, 0, True)


@every_call
def test_truth_of_blocking_is_asked_for(cls, name):
    class Undecided:
        def __bool__(self):
            raise Mine

    sem = half(cls)
    before = reading(sem)

    with pytest.raises(Mine):
        getattr(sem, name)(blocking=Undecided())

    assert reading(sem) == before


@every_call
def test_unknown_and_doubled_arguments_are_type_errors(cls, name):
    sem = half(cls)
    before = reading(sem)

    for args, kwargs in (((), {"wait": True}), ((1, None, None), {}), ((1,), {"n": 1} if cls is CountSemaphore else {"block": 1})):
        with pytest.raises(TypeError):
            getattr(sem, name)(*args, **kwargs)

    assert reading(sem) == before


@pytest.mark.parametrize("value", [True, False])
def test_a_bool_is_no_number_of_permits(value):
    with pytest.raises(TypeError, match=f"permits must be a number, it is `{value}`"):
        CountSemaphore(value)


def test_help_has_a_line_for_all_that_is_ours():
    # What Python says where a class says nothing.
    silent = {None, "", object.__init__.__doc__}
    classes = [CountSemaphore, Semaphore, BoundedSemaphore, permits.HostSemaphore, permits.aio.Semaphore, permits.Permit]
    names = ["__init__", "__enter__", "__exit__", "__aenter__", "__aexit__"]
    ours = [(cls, name) for cls in classes for name in names if hasattr(cls, name)]

    lacking = [f"{cls.__name__}.{name}" for cls, name in ours if getattr(cls, name).__doc__ in silent]

    assert lacking == ["Permit.__init__"], "nobody makes a Permit but a semaphore"
