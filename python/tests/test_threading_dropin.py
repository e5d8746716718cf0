"""`Semaphore` and `BoundedSemaphore` in the place of `threading`'s: what both must do alike runs against both."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import re
import sys
import threading
import time
import weakref

import pytest

import permits
from conftest import in_thread, run_in_threads, wait_until

# threading's semaphores tell their value since 3.11.
REPR_TELLS_VALUE = sys.version_info >= (3, 11)

alike = pytest.mark.parametrize("module", [threading, permits], ids=["threading", "permits"])
both_kinds = pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
ours = pytest.mark.parametrize("cls", [permits.Semaphore, permits.BoundedSemaphore])
every_class = pytest.mark.parametrize("cls", [permits.Semaphore, permits.BoundedSemaphore, permits.CountSemaphore])


@pytest.fixture
def new(module, kind):
    return getattr(module, kind)


# alike: signatures


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


# alike: arguments, positional and by keyword


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
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}), ((True,), {}), ((False,), {}), ((1,), {}), ((0,), {}), ((True, None), {}), ((False, None), {}), ((True, 0.01), {}),
        ((True, 1), {}), ((True, 0), {}), ((True, -1), {}), ((), {"blocking": True}), ((), {"blocking": False}), ((), {"timeout": 0.01}),
        ((), {"timeout": None}), ((), {"timeout": 0}), ((), {"timeout": -1.5}), ((True,), {"timeout": 0.01}),
        ((), {"blocking": False, "timeout": None}), ((), {"timeout": 0.01, "blocking": True}), ((), {"timeout": True}),
        ((), {"blocking": "yes"}), ((), {"blocking": ""}), ((), {"blocking": None}), ((), {"blocking": []}),
    ],
    ids=str,
)  # fmt: skip
def test_acquire_takes_a_free_permit(new, args, kwargs):
    sem = new(2)

    assert sem.acquire(*args, **kwargs) is True

    assert sem._value == 1


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}), ((0,), {}), ((False, None), {}), ((True, 0.01), {}), ((True, 0), {}), ((True, -1), {}), ((), {"blocking": False}),
        ((), {"timeout": 0.01}), ((), {"timeout": 0}), ((), {"timeout": -1}), ((1, 0), {}), ((), {"blocking": None}), ((None,), {}),
    ],
    ids=str,
)  # fmt: skip
def test_acquire_is_false_when_nothing_is_free(new, args, kwargs):
    sem = new(1)
    sem.acquire()

    assert sem.acquire(*args, **kwargs) is False

    assert sem._value == 0


@alike
@both_kinds
@pytest.mark.parametrize("timeout", [0, 0.0, 1, 1.0, -1])
def test_non_blocking_acquire_takes_no_timeout(new, timeout):
    sem = new(1)

    for args, kwargs in (((False, timeout), {}), ((), {"blocking": False, "timeout": timeout}), ((0, timeout), {})):
        with pytest.raises(ValueError, match=r"^can't specify timeout for non-blocking acquire$"):
            sem.acquire(*args, **kwargs)

    assert sem._value == 1


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


# alike: release


@alike
@both_kinds
@pytest.mark.parametrize(
    ("args", "kwargs", "value"), [((), {}, 2), ((1,), {}, 2), ((2,), {}, 3), ((), {"n": 3}, 4), ((True,), {}, 2), ((3,), {}, 4)], ids=str
)
def test_release_returns_permits_and_returns_none(new, args, kwargs, value):
    sem = new(4)
    for _ in range(3):
        sem.acquire()

    assert sem.release(*args, **kwargs) is None

    assert sem._value == value


@alike
@both_kinds
@pytest.mark.parametrize("n", [0, -1, -(2**70), False])
def test_release_of_fewer_than_one_is_refused(new, n):
    sem = new(2)
    sem.acquire()

    with pytest.raises(ValueError, match=r"^n must be one or more$"):
        sem.release(n)
    with pytest.raises(ValueError, match=r"^n must be one or more$"):
        sem.release(n=n)

    assert sem._value == 1


@alike
@pytest.mark.parametrize("kind", ["Semaphore"])
def test_release_of_what_nobody_took_grows_the_value(new):
    sem = new(0)

    sem.release()
    sem.release(3)

    assert sem._value == 4
    assert [sem.acquire(False) for _ in range(5)] == [True] * 4 + [False]


@alike
@pytest.mark.parametrize("kind", ["BoundedSemaphore"])
@pytest.mark.parametrize(("value", "out", "n"), [(1, 0, 1), (3, 1, 2), (3, 2, 3), (0, 0, 1), (3, 2, 100)])
def test_bounded_release_beyond_the_bound_is_refused_as_a_whole(new, value, out, n):
    sem = new(value)
    for _ in range(out):
        sem.acquire()

    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release(n)

    assert sem._value == value - out
    assert [sem.acquire(False) for _ in range(value - out + 1)] == [True] * (value - out) + [False]


@alike
@both_kinds
def test_release_wakes_as_many_as_it_returns(new):
    sem = new(3)
    for _ in range(3):
        sem.acquire()
    waiters = [in_thread(sem.acquire) for _ in range(3)]
    late = in_thread(sem.acquire, timeout=0.4)

    sem.release(2)
    sem.release()

    # Which of the four is served last is nobody's promise, so the late one's permit may be any.
    if late.result():
        sem.release()
    assert [waiter.result() for waiter in waiters] == [True] * 3
    assert sem._value == 0


@alike
@both_kinds
def test_timed_acquire_is_served(new):
    sem = new(1)
    sem.acquire()
    start = time.monotonic()
    waiter = in_thread(sem.acquire, True, 60)

    sem.release()

    assert waiter.result() is True
    assert time.monotonic() - start < 20


@alike
@both_kinds
def test_timed_acquire_lasts_its_time(new):
    sem = new(0)
    start = time.monotonic()

    assert sem.acquire(timeout=0.1) is False

    assert 0.1 <= time.monotonic() - start < 5


# alike: with


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


# alike: classes


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


@alike
@both_kinds
def test_bounds_how_many_threads_are_inside(new):
    sem = new(3)
    inside, most = [], []

    def work():
        for _ in range(100):
            with sem:
                inside.append(None)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    run_in_threads(*[work] * 8)

    assert max(most) <= 3
    assert sem._value == 3


@alike
@both_kinds
def test_hands_over_between_two_threads(new):
    ping, pong = new(1), new(1)
    ping.acquire()
    pong.acquire()
    said = []

    def one():
        for _ in range(200):
            said.append("ping")
            ping.release()
            pong.acquire()

    def other():
        for _ in range(200):
            ping.acquire()
            said.append("pong")
            pong.release()

    run_in_threads(one, other)

    assert said == ["ping", "pong"] * 200


# Where permits differs, or has more.


@ours
@pytest.mark.parametrize("bad", [1.5, 1.0, float("nan"), "1", None, 2 + 0j, [1]], ids=str)
def test_value_has_to_be_an_integer(cls, bad):
    with pytest.raises(TypeError):
        cls(bad)
    with pytest.raises(TypeError):
        cls(value=bad)


@ours
@pytest.mark.parametrize("value", [2**22, 2**31, 2**32, 2**32 + 1, 2**63, 2**64, 2**70, 10**400])
def test_value_beyond_the_limit_is_an_overflow(cls, value):
    with pytest.raises(OverflowError):
        cls(value)


@ours
def test_value_up_to_the_limit_is_taken(cls):
    sem = cls(permits.MAX_PERMITS)

    assert sem.acquire(n=permits.MAX_PERMITS) is True
    assert sem._value == 0
    sem.release(permits.MAX_PERMITS)
    assert sem._value == permits.MAX_PERMITS


@pytest.mark.parametrize("n", [2**22, 2**32, 2**63, 2**64 + 1, 2**70, 10**400])
def test_release_beyond_the_limit_is_an_overflow(n):
    sem = permits.Semaphore(2)

    with pytest.raises(OverflowError):
        sem.release(n)
    assert sem._value == 2
    sem.release(permits.MAX_PERMITS - 2)
    with pytest.raises(OverflowError):
        sem.release()

    assert sem._value == permits.MAX_PERMITS


@pytest.mark.parametrize("n", [2**22, 2**32, 2**32 + 1, 2**63, 2**64 + 1, 2**70, 10**400])
def test_bounded_release_of_huge_numbers_is_too_many(n):
    sem = permits.BoundedSemaphore(2)
    sem.acquire()

    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release(n)

    assert sem._value == 1


@ours
@pytest.mark.parametrize("bad", [1.0, 1.5, float("nan")])
def test_release_of_a_float_is_refused_and_changes_nothing(cls, bad):
    sem = cls(3)
    sem.acquire()

    with pytest.raises(TypeError):
        sem.release(bad)

    assert sem._value == 2
    assert type(sem._value) is int


@ours
def test_release_never_waits(cls):
    sem = cls(1)
    start = time.monotonic()

    try:
        sem.release()
    except ValueError:
        assert cls is permits.BoundedSemaphore

    assert time.monotonic() - start < 5
    assert sem.waiting == 0


@ours
def test_batches_are_taken_at_once(cls):
    sem = cls(4)

    assert sem.acquire(n=3) is True
    assert sem.acquire(n=2, blocking=False) is False
    assert sem.acquire(n=2, timeout=0.001) is False
    assert sem._value == 1
    waiter = in_thread(sem.acquire, n=3)
    wait_until(lambda: sem.waiting == 1)
    sem.release()
    assert sem.waiting == 1
    sem.release()

    assert waiter.result() is True
    assert sem._value == 0


def test_batch_beyond_the_bound_is_refused_at_once():
    sem = permits.BoundedSemaphore(4)

    with pytest.raises(permits.TooManyError) as caught:
        sem.acquire(n=9)

    assert "9" in str(caught.value) and "4" in str(caught.value)
    assert sem._value == 4


def test_batch_beyond_the_value_waits_as_the_value_may_grow():
    sem = permits.Semaphore(1)
    assert sem.acquire(n=2, timeout=0.001) is False
    waiter = in_thread(sem.acquire, n=2)
    wait_until(lambda: sem.waiting == 1)

    sem.release()

    assert waiter.result() is True
    assert sem._value == 0


@ours
@pytest.mark.parametrize("fair", [False, True])
def test_readings(cls, fair):
    sem = cls(2, fair=fair)

    assert (sem.fair, sem.closed, sem.available, sem.waiting) == (fair, False, 2, 0)
    sem.acquire(n=2)
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting == 1)
    assert sem.available == 0
    sem.release()

    assert waiter.result() is True
    for name in ("fair", "closed", "available", "waiting", "_value"):
        with pytest.raises(AttributeError):
            setattr(sem, name, 1)


@ours
def test_fair_serves_in_order(cls):
    sem = cls(1, fair=True)
    sem.acquire()
    order, waiters = [], []

    def wait(turn):
        sem.acquire()
        order.append(turn)

    for turn in range(6):
        waiters.append(in_thread(wait, turn))
        wait_until(lambda turn=turn: sem.waiting == turn + 1)
    for turn in range(6):
        sem.release()
        assert sem.acquire(False) is False
        wait_until(lambda turn=turn: len(order) == turn + 1)

    assert order == list(range(6))
    for waiter in waiters:
        waiter.result()


@ours
def test_close_wakes_all_who_wait_and_lets_permits_back(cls):
    sem = cls(2)
    sem.acquire()
    held = sem.permit()

    def enter():
        with sem:
            raise AssertionError("it is closed")

    waiters = [in_thread(sem.acquire), in_thread(sem.acquire, timeout=20), in_thread(sem.permit), in_thread(enter)]
    wait_until(lambda: sem.waiting == 4)
    sem.close()

    for waiter in waiters:
        with pytest.raises(permits.ClosedError):
            waiter.result()
    assert sem.closed is True
    for request in (sem.acquire, lambda: sem.acquire(False), sem.permit, sem.__enter__):
        with pytest.raises(permits.ClosedError):
            request()
    sem.release()
    held.release()
    assert sem.available == 2


def test_bounded_semaphore_resizes():
    sem = permits.BoundedSemaphore(1)
    sem.acquire()
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting == 1)

    sem.grow()
    assert waiter.result() is True
    assert (sem.max_permits, sem.given_out, sem.loose) == (2, 2, 2)
    sem.resize(1)
    sem.release()
    assert sem._value == 0
    sem.release()
    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        sem.release()

    assert sem.state() == (1, 1, 0, 0, 0, 0, 0, 0, False)
    assert repr(sem).endswith("value=1/1>")


@every_class
def test_permits_classes_cannot_be_pickled_or_copied(cls):
    sem = cls(2)

    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(sem)

    assert sem.available == 2


@every_class
def test_classes_say_where_they_live(cls):
    assert cls.__module__ == "permits"
    assert cls.__qualname__ == cls.__name__
    assert getattr(permits, cls.__name__) is cls
    assert cls.__name__ in permits.__all__


def test_errors_are_of_the_kinds_that_users_catch():
    assert issubclass(permits.PermitsError, Exception)
    assert issubclass(permits.ClosedError, permits.PermitsError)
    assert issubclass(permits.TooManyError, (permits.PermitsError,)) and issubclass(permits.TooManyError, ValueError)
    assert issubclass(permits.WaitTimeoutError, permits.PermitsError) and issubclass(permits.WaitTimeoutError, TimeoutError)
    assert issubclass(permits.WouldBlockError, permits.PermitsError)
    for name in permits.__all__:
        thing = getattr(permits, name)
        if isinstance(thing, type) and issubclass(thing, Exception):
            assert (thing.__module__, thing.__name__) == ("permits", name)
            arguments = ("text", "not-found") if thing is permits.HostError else ("text",)
            assert type(pickle.loads(pickle.dumps(thing(*arguments)))) is thing
