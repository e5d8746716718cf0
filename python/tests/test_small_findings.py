"""What a review found at the edges: sizes that grow from 0, odd futures, interpreters in interpreters, a second `__init__`."""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

import permits
from conftest import run_script
from permits import BoundedSemaphore, CountSemaphore, Semaphore, TooManyError, aio

# Sizes that grow from 0


@pytest.mark.parametrize("grow", [lambda sem: sem.resize(5), lambda sem: sem.grow(5)], ids=["resize", "grow"])
def test_bounded_semaphore_that_grew_from_0_has_as_many_permits_as_it_says(grow):
    sem = BoundedSemaphore(0)
    grow(sem)
    assert sem.max_permits == 5

    with pytest.raises(TooManyError):
        sem.acquire(n=6, timeout=0)

    assert sem.acquire(n=5, timeout=0) is True
    assert sem.available == 0


# Futures that are not asyncio's


class Unmarked:
    """A future that does not take the mark by which a task knows that it is to wait for it."""

    __slots__ = ()

    def cancelled(self):
        return False

    def done(self):
        return False

    def set_result(self, value):
        pass


class Odd(asyncio.SelectorEventLoop):
    def create_future(self):
        return Unmarked()


def first_step_fails(request):
    """Takes the first step of a request in a loop that cannot wait for it."""
    loop = Odd()

    def step():
        try:
            request.send(None)
        except AttributeError:
            failed.append(True)
        finally:
            loop.stop()

    failed = []
    loop.call_soon(step)
    loop.run_forever()
    loop.close()
    assert failed == [True]


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_request_that_cannot_wait_leaves_the_queue(fair):
    sem = CountSemaphore(1, fair=fair)
    sem.acquire()
    request = sem.acquire_async()

    first_step_fails(request)

    assert sem.waiting == 0
    # Nobody is granted what comes back.
    assert sem.release(timeout=0) is True
    assert sem.available == 1
    del request
    gc.collect()
    assert sem.acquire(timeout=0) is True


def test_release_that_cannot_wait_leaves_the_queue():
    sem = CountSemaphore(1)
    request = sem.release_async()

    first_step_fails(request)

    assert sem.waiting == 0
    assert sem.acquire(timeout=0) is True
    assert sem.loose == 1


# Interpreters in an interpreter

SUBINTERPRETERS = """
    import _xxsubinterpreters as interpreters

    IN_THERE = '''
    try:
        import permits
    except ImportError as error:
        print("refused:", error)
    '''

    def import_in_another():
        another = interpreters.create()
        interpreters.run_string(another, inspect.cleandoc(IN_THERE))
        interpreters.destroy(another)

    import inspect
    if sys.argv[1] == "before":
        import_in_another()
    import asyncio, permits
    if sys.argv[1] == "after":
        import_in_another()

    sem = permits.CountSemaphore(1)
    sem.acquire()

    async def main():
        threading.Thread(target=lambda: (wait_until(lambda: sem.waiting == 1), sem.release())).start()
        return await asyncio.wait_for(sem.acquire_async(), 10)

    assert asyncio.run(main()) is True
    sem.close()
    try:
        sem.acquire()
    except permits.ClosedError:
        print("the main one works")
"""


if sys.version_info < (3, 12):
    # From there on Python itself refuses it.

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_another_interpreter_is_refused_and_the_main_one_works(when):
        refused, works = run_script(SUBINTERPRETERS, when).splitlines()

        assert refused.startswith("refused: permits works in the main interpreter only")
        assert works == "the main one works"


# A second `__init__`


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
