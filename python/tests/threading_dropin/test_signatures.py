"""Signatures, names and the arguments of the constructor are those of `threading`."""

from __future__ import annotations

import inspect
import sys
import threading

import pytest

import permits
from threading_dropin.conftest import alike, both_kinds, ours


def parameters_of(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


@both_kinds
@pytest.mark.parametrize("method", [None, "acquire", "release"])
def test_signature_begins_as_in_threading_and_adds_keywords_alone(kind, method):
    theirs, mine = getattr(threading, kind), getattr(permits, kind)
    if method is not None:
        theirs, mine = getattr(theirs(), method), getattr(mine(), method)

    expected, found = parameters_of(theirs), parameters_of(mine)

    assert found[: len(expected)] == expected
    assert [kind for _, _, kind in found[len(expected) :]] == [inspect.Parameter.KEYWORD_ONLY] * (len(found) - len(expected))
    assert all(default is not inspect.Parameter.empty for _, default, _ in found[len(expected) :])


@both_kinds
def test_signature_of_a_bound_method_is_that_of_threading(kind):
    theirs, mine = getattr(threading, kind)(), getattr(permits, kind)()

    assert parameters_of(mine.release) == parameters_of(theirs.release)
    assert parameters_of(mine.acquire)[:2] == parameters_of(theirs.acquire)


@ours
def test_every_public_name_of_threading_is_there(cls):
    names = {name for name in dir(getattr(threading, cls.__name__)) if not name.startswith("_")} | {"__enter__", "__exit__", "_value"}

    assert names - set(dir(cls)) == set()
    assert cls.__doc__
    assert cls.acquire.__doc__ and cls.release.__doc__


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs", "value"),
    [((), {}, 1), ((0,), {}, 0), ((3,), {}, 3), ((), {"value": 3}, 3), ((True,), {}, 1), ((False,), {}, 0)],
    ids=str,
)
def test_starts_with_its_value(new, args, kwargs, value):
    sem = new(*args, **kwargs)

    assert sem._value == value
    assert [sem.acquire(False) for _ in range(value + 1)] == [True] * value + [False]


@alike
@both_kinds
@pytest.mark.parametrize("value", [-1, -2, -sys.maxsize])
def test_negative_value_is_refused(new, value):
    with pytest.raises(ValueError, match=r"^semaphore initial value must be >= 0$"):
        new(value)
    with pytest.raises(ValueError, match=r"^semaphore initial value must be >= 0$"):
        new(value=value)


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs"), [((1, 2), {}), ((1, True, 3), {}), ((), {"permits": 1}), ((1,), {"value": 2}), ((None,), {}), (("2",), {})], ids=str
)
def test_wrong_arguments_of_the_constructor_are_type_errors(new, args, kwargs):
    with pytest.raises(TypeError):
        new(*args, **kwargs)


@alike
@both_kinds
@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("acquire", (True, 1, 1), {}), ("acquire", (), {"wait": True}), ("acquire", (True,), {"blocking": True}),
        ("release", (1, 2), {}), ("release", (), {"count": 1}), ("release", (None,), {}), ("release", ("1",), {}), ("release", ([],), {}),
        ("__exit__", (), {}), ("__exit__", (None,), {}),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_are_type_errors(new, method, args, kwargs):
    sem = new(2)
    sem.acquire()

    with pytest.raises(TypeError):
        getattr(sem, method)(*args, **kwargs)

    assert sem._value == 1
