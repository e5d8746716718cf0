"""Classes and their objects: subclasses, attributes, garbage, equality, pickles, `repr`."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import sys
import weakref

import pytest

from threading_dropin.conftest import alike, both_kinds


@alike
def test_bounded_semaphore_is_a_semaphore(module):
    assert issubclass(module.BoundedSemaphore, module.Semaphore)
    assert isinstance(module.BoundedSemaphore(), module.Semaphore)
    assert not isinstance(module.Semaphore(), module.BoundedSemaphore)


@alike
@both_kinds
def test_subclass_has_a_constructor_of_its_own(new):
    class Named(new):
        def __init__(self, name, size, *, owner=None):
            super().__init__(size)
            self.name, self.owner = name, owner

    class Fixed(new):
        def __init__(self):
            super().__init__(value=3)

    class Anything(new):
        def __init__(self, *args, **kwargs):
            super().__init__(len(args) + len(kwargs))

    class Inherited(new):
        extra = "extra"

    named = Named("pool", 2, owner="me")
    assert (named._value, named.name, named.owner) == (2, "pool", "me")
    assert Named(size=0, name="pool")._value == 0
    assert Fixed()._value == 3
    assert Anything("a", -5, 2.5, x=None)._value == 4
    assert Anything()._value == 0
    assert Inherited(2)._value == 2
    assert Inherited()._value == 1
    with pytest.raises(ValueError, match="semaphore initial value must be >= 0"):
        Named("pool", -1)
    with pytest.raises(TypeError):
        Named("pool")


@alike
@both_kinds
def test_subclass_that_overrides_acquire_and_release_works(new):
    class Counting(new):
        def __init__(self, *args):
            super().__init__(*args)
            self.most = 0

        def acquire(self, *args, **kwargs):
            done = super().acquire(*args, **kwargs)
            self.most += bool(done)
            return done

        def release(self, n=1):
            self.most -= n
            super().release(n)

    sem = Counting(2)
    assert sem.acquire() and sem.acquire(timeout=1) and not sem.acquire(False)
    assert sem.most == 2
    sem.release(2)

    assert (sem.most, sem._value) == (0, 2)


@alike
@both_kinds
def test_subclass_with_other_bases_works(new):
    class Mixin:
        def __init__(self, *args, label="", **kwargs):
            super().__init__(*args, **kwargs)
            self.label = label

    class Mixed(Mixin, new):
        pass

    class Slotted(new):
        __slots__ = ("slot",)

    mixed = Mixed(2, label="x")
    slotted = Slotted(3)
    slotted.slot = "s"

    assert (mixed._value, mixed.label) == (2, "x")
    assert (slotted._value, slotted.slot) == (3, "s")
    assert [cls.__name__ for cls in Mixed.__mro__[:3]] == ["Mixed", "Mixin", new.__name__]


@alike
@both_kinds
def test_has_attributes_and_weak_references(new):
    gone = []
    sem = new()
    sem.note = "mine"
    reference = weakref.ref(sem, lambda _: gone.append(True))
    table = weakref.WeakKeyDictionary({sem: 1})

    assert sem.note == "mine"
    assert sem.__dict__["note"] == "mine"
    assert reference() is sem
    assert table[sem] == 1
    del sem
    gc.collect()

    assert reference() is None
    assert gone == [True]
    assert len(table) == 0


@alike
@both_kinds
def test_one_in_a_cycle_is_garbage(new):
    sem = new()
    sem.itself = sem
    reference = weakref.ref(sem)

    del sem
    gc.collect()

    assert reference() is None


@alike
@both_kinds
def test_is_equal_to_itself_alone(new):
    sem, other = new(), new()

    assert sem == sem
    assert sem != other
    assert len({sem, other, sem}) == 2
    assert bool(sem) is True


@alike
@both_kinds
@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy], ids=lambda attempt: attempt.__module__ + "." + attempt.__name__)
def test_cannot_be_pickled_or_copied_deeply(new, attempt):
    if new.__module__ == "threading" and attempt is copy.copy:
        # threading's makes a copy that shares the lock and not the value; that is no example to follow.
        assert copy.copy(new(2))._value == 2
        return

    with pytest.raises(TypeError):
        attempt(new(2))


# threading's semaphores tell their value since 3.11.
REPR_TELLS_VALUE = sys.version_info >= (3, 11)


@alike
@both_kinds
def test_repr_tells_the_value(new):
    if new.__module__ == "threading" and not REPR_TELLS_VALUE:
        assert repr(new()).startswith("<threading.")
        return
    value = "value={}" if new.__name__ == "Semaphore" else "value={}/3"
    text = "<" + new.__module__ + "." + new.__name__ + " at {:#x}: " + value + ">"

    sem = new(3)
    assert repr(sem) == text.format(id(sem), 3)
    sem.acquire()
    assert repr(sem) == text.format(id(sem), 2)
    sem.release()
    assert repr(sem) == str(sem) == text.format(id(sem), 3)


@alike
@both_kinds
def test_repr_of_a_subclass_has_its_name(new):
    class Pool(new):
        pass

    if new.__module__ == "threading" and not REPR_TELLS_VALUE:
        assert "Pool" in repr(Pool(3))
        return

    pool = Pool(3)
    assert re.match(r"<" + re.escape(__name__ + "." + Pool.__qualname__) + r" at 0x[0-9a-f]+: value=3(/3)?>$", repr(pool))


@alike
@both_kinds
def test_one_that_is_out_may_be_dropped(new):
    sem = new(2)
    sem.acquire()
    reference = weakref.ref(sem)

    del sem
    gc.collect()

    assert reference() is None
