"""Permits come back from finalizers, callbacks and handlers, at any point of a call (C5)."""

from __future__ import annotations

import gc
import weakref

import pytest

from conftest import in_thread, run_script, wait_until
from permits import BoundedSemaphore, CountSemaphore, Semaphore

every_class = pytest.mark.parametrize("cls", [CountSemaphore, Semaphore, BoundedSemaphore])


class OnDrop:
    """Calls `function` when it is finalized."""

    def __init__(self, function):
        self.function = function

    def __del__(self):
        self.function()


class DropsWhenAsked:
    """A number that drops an object while the semaphore asks for it: in the midst of the call."""

    def __init__(self, *things):
        self.things = list(things)

    def __index__(self):
        self.things.clear()
        return 1

    def __float__(self):
        return float(self.__index__())


@every_class
@pytest.mark.parametrize("where", ["n", "timeout"])
def test_finalizer_releases_while_its_own_thread_is_inside_acquire(cls, where):
    sem = cls(1)
    sem.acquire()
    number = DropsWhenAsked(OnDrop(sem.release))

    assert sem.acquire(**{where: number}) is True

    assert sem.available == 0


@every_class
def test_permit_is_dropped_while_its_own_thread_is_inside_acquire(cls):
    sem = cls(1)
    number = DropsWhenAsked(sem.permit())

    assert sem.acquire(n=number) is True

    assert sem.available == 0


@every_class
def test_weak_reference_callback_releases_while_its_own_thread_is_inside_acquire(cls):
    sem = cls(1)
    sem.acquire()
    thing = OnDrop(lambda: None)
    reference = weakref.ref(thing, lambda _: sem.release())
    number = DropsWhenAsked(thing)
    del thing

    assert sem.acquire(n=number) is True

    assert reference() is None
    assert sem.available == 0


@every_class
def test_weak_reference_callback_releases_while_its_own_thread_is_inside_permit(cls):
    sem = cls(1)
    sem.acquire()
    thing = OnDrop(lambda: None)
    weakref.finalize(thing, sem.release)
    number = DropsWhenAsked(thing)
    del thing

    assert sem.permit(n=number).count == 1


def test_finalizer_acquires_while_its_own_thread_is_inside_release():
    sem = CountSemaphore(1)
    number = DropsWhenAsked(OnDrop(sem.acquire))

    assert sem.release(number) is True

    assert sem.available == 1


@every_class
def test_collector_callback_uses_the_semaphore(cls):
    sem = cls(2)
    results = []

    def use(phase, info):
        with sem:
            results.append(sem.acquire(blocking=False))
            sem.release()

    gc.callbacks.append(use)
    try:
        for _ in range(50):
            with sem.permit():
                pass
            gc.collect(0)
    finally:
        gc.callbacks.remove(use)

    assert len(results) >= 100
    assert all(results)
    assert sem.available == 2


@every_class
def test_garbage_returns_permits_while_threads_churn(cls):
    sem = cls(4)
    threshold = gc.get_threshold()

    class Cycle:
        def __init__(self, permit):
            self.itself, self.permit = self, permit

    def churn():
        for _ in range(400):
            # The collector of any thread may be the one that returns it.
            Cycle(sem.permit())
            with sem:
                [[] for _ in range(10)]

    gc.set_threshold(5, 2, 2)
    try:
        threads = [in_thread(churn) for _ in range(3)]
        while not all(thread.is_done() for thread in threads):
            gc.collect()
        for thread in threads:
            thread.result()
    finally:
        gc.set_threshold(*threshold)
    gc.collect()

    assert sem.available == 4
    assert sem.waiting == 0


def test_finalizer_of_a_permits_holder_serves_a_thread_that_waits():
    sem = CountSemaphore(1)
    holder = OnDrop(lambda: None)
    holder.permit = sem.permit()
    waiter = in_thread(sem.acquire)
    wait_until(lambda: sem.waiting_acquirers == 1)

    del holder

    assert waiter.result() is True


def test_semaphore_that_is_dropped_by_the_release_of_its_last_permit_is_gone():
    class Pool(Semaphore):
        pass

    pool = Pool(1)
    gone = weakref.ref(pool)
    permit = pool.permit()
    del pool

    permit.release()
    del permit
    gc.collect()

    assert gone() is None


def test_signal_handler_that_collects_garbage_serves_the_main_thread():
    out = run_script(
        """
        import gc, permits
        gc.disable()
        sem = permits.CountSemaphore(1)

        class Holder:
            pass

        def handler(*_):
            gc.collect()

        signal.signal(signal.SIGUSR1, handler)
        holder = Holder()
        holder.itself, holder.permit = holder, sem.permit()
        del holder
        in_thread(lambda: (wait_until(lambda: sem.waiting == 1), os.kill(os.getpid(), signal.SIGUSR1)))
        print(sem.acquire())
        """
    )

    assert out == "True\n"
