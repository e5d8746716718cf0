"""The arguments of the constructor and of `release`, and subclasses."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

import permits
from aio.conftest import by_class, by_door
from helpers_async import in_loop

pytestmark = pytest.mark.timeout(30)


@by_door
@by_class
@pytest.mark.parametrize("value", [-1, -sys.maxsize])
@in_loop
async def test_a_negative_value_is_refused(door, kind, value):
    with pytest.raises(ValueError, match="^Semaphore initial value must be >= 0$"):
        getattr(door, kind)(value)


@by_class
@pytest.mark.parametrize("value", [1.5, "1", None])
def test_a_value_that_is_no_integer_is_refused(kind, value):
    with pytest.raises(TypeError):
        getattr(permits.aio, kind)(value)


@by_class
def test_a_value_beyond_the_limit_is_an_overflow(kind):
    with pytest.raises(OverflowError):
        getattr(permits.aio, kind)(2**70)


@by_door
@in_loop
async def test_the_value_may_be_named_and_is_one_by_default(door):
    assert door.Semaphore()._value == 1
    assert door.BoundedSemaphore()._value == 1
    assert door.Semaphore(value=3)._value == 3
    assert door.BoundedSemaphore(value=3)._value == 3


@by_class
@in_loop
async def test_loop_is_an_argument_that_asyncio_of_this_version_takes_or_not(kind):
    loop = asyncio.get_running_loop()

    for door in asyncio, permits.aio:
        if sys.version_info < (3, 10):
            with pytest.warns(DeprecationWarning):
                sem = getattr(door, kind)(1, loop=loop)
            await sem.acquire()
            assert sem.locked()
        else:
            with pytest.raises(TypeError):
                getattr(door, kind)(1, loop=loop)


@by_door
@in_loop
async def test_a_release_that_nobody_took_grows_the_value(door):
    sem = door.Semaphore(1)

    sem.release()

    assert sem._value == 2
    await sem.acquire()
    await sem.acquire()
    assert sem.locked()


@by_door
@in_loop
async def test_a_bounded_semaphore_refuses_a_release_too_many(door):
    sem = door.BoundedSemaphore(2)
    await sem.acquire()
    sem.release()

    with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
        sem.release()

    assert sem._value == 2


@by_door
@in_loop
async def test_release_returns_none_and_acquire_true(door):
    sem = door.Semaphore(1)

    assert await sem.acquire() is True
    assert sem.release() is None


@by_door
@in_loop
async def test_a_bounded_semaphore_is_a_semaphore(door):
    assert issubclass(door.BoundedSemaphore, door.Semaphore)
    assert isinstance(door.BoundedSemaphore(1), door.Semaphore)


@by_door
@by_class
@in_loop
async def test_a_subclass_may_override_and_call_its_parent(door, kind):
    class Counted(getattr(door, kind)):
        def __init__(self, value, label):
            super().__init__(value)
            self.label = label
            self.acquired = self.released = 0

        async def acquire(self):
            self.acquired += 1
            return await super().acquire()

        def release(self):
            self.released += 1
            return super().release()

    sem = Counted(1, label="mine")
    async with sem:
        assert sem.locked()

    assert (sem.label, sem.acquired, sem.released) == ("mine", 1, 1)
    assert "Counted" in repr(sem)


@by_door
@by_class
@in_loop
async def test_it_has_weak_references_and_attributes(door, kind):
    sem = getattr(door, kind)(1)
    sem.note = "mine"
    weak = weakref.ref(sem)

    assert weak() is sem and sem.note == "mine"
    del sem
    gc.collect()
    assert weak() is None
