"""Several processes in one queue."""

from __future__ import annotations

from helpers_async import DEADLINE, LoopThread, background, eventually
from host.conftest import counts, may_fork

pytestmark = may_fork


def test_a_release_waits_across_processes(opened, actor):
    sem = opened(1)
    waits = background(sem.release)
    assert eventually(lambda: sem.waiting_releasers == 1)

    assert actor().ask("acquire") == "got True"

    assert waits.result(DEADLINE) is True
    assert counts(sem) == (1, 0, 0)


def test_a_release_of_another_process_returns_what_this_one_took(opened, actor):
    sem = opened(2)
    sem.acquire(2)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting_acquirers == 1)

    assert actor().ask("release 2") == "got True"

    assert waits.result(DEADLINE) is True
    assert counts(sem) == (1, 0, 1)


def test_processes_threads_and_tasks_are_served_in_the_order_of_their_coming(opened, actor):
    sem = opened(1)
    sem.acquire()
    first, second = actor(), actor()

    first.waits("acquire", sem)
    thread = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    second.waits("acquire-async", sem)
    with LoopThread() as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 4)
        order = [first.hear, lambda: thread.result(DEADLINE), second.hear, lambda: task.result(DEADLINE)]
        for number, served in enumerate(order):
            sem.release()
            assert served() in ("got True", True)
            assert sem.waiting == 3 - number

    assert counts(sem) == (0, 0, 1)


def test_close_wakes_the_waiters_of_other_processes(opened, actor):
    sem = opened(1)
    sem.acquire()
    one, other = actor(), actor()
    one.waits("acquire", sem)
    other.waits("permit-async", sem)

    sem.close()

    assert [one.hear(), other.hear()] == ["ClosedError"] * 2
    assert sem.closed and opened().closed
    assert actor().ask("acquire") == "ClosedError"
    assert sem.release() is True


def test_a_resize_is_for_all_processes(opened, actor):
    sem = opened(1)
    sem.acquire()
    other = actor()
    other.waits("permit", sem)

    sem.resize(3)

    assert other.hear() == "got 1"
    assert counts(opened(3)) == (1, 1, 1)
    other.waits("acquire 3", sem)
    sem.shrink(1)
    assert other.hear() == "TooManyError"
