"""`os.fork` at any moment: under load, in the middle of a call, in a signal's handler, in other hooks, twice at once."""

from __future__ import annotations

import pytest

from fork.programs import every_class, run


@every_class
def test_many_forks_while_threads_churn(new):
    out = run(
        """
        sem = eval(sys.argv[1])
        done = []

        def churn():
            while not done:
                with sem:
                    pass
                if sem.acquire(timeout=0.0001):
                    sem.release()
                with sem.permit():
                    pass

        threads = [in_thread(churn) for _ in range(4)]

        def child():
            # What other threads held stays out; nobody else takes or returns here.
            free = sem.available
            assert 0 <= free <= 3 and sem.waiting == 0, (free, sem.waiting)
            assert [sem.acquire(blocking=False) for _ in range(free + 1)] == [True] * free + [False]
            if free:
                assert sem.release(free) in (True, None)
                with sem:
                    assert sem.available == free - 1
            assert sem.available == free
            # A finalizer of a child that ends well is as good as any.
            sem.close()

        for _ in range(25):
            in_child(child)
        done.append(True)
        for thread in threads:
            thread.result()
        print(sem.available, sem.waiting)
        """,
        new,
    )

    assert out == "3 0\n"


def test_forks_of_several_threads_at_once():
    out = run(
        """
        sem = permits.CountSemaphore(8, fair=True)

        def child():
            assert sem.acquire(timeout=5) is True
            assert sem.release(timeout=5) is True

        def fork():
            for _ in range(8):
                with sem:
                    in_child(child)

        run_in_threads(fork, fork, fork)
        print(sem.available)
        """
    )

    assert out == "8\n"


def test_fork_in_a_thread_that_is_in_the_middle_of_a_call():
    out = run(
        """
        sem = permits.CountSemaphore(2)

        class Forks:
            def __index__(self):
                global pid
                pid = os.fork()
                return 1

        assert sem.acquire(Forks()) is True
        if pid == 0:
            signal.alarm(15)
            os._exit(0 if sem.loose == 1 and sem.release() and sem.available == 2 else 1)
        _, status = os.waitpid(pid, 0)
        print(status, sem.loose)
        """
    )

    assert out == "0 1\n"


def test_fork_in_a_signal_handler_while_the_main_thread_waits():
    out = run(
        """
        sem = permits.CountSemaphore(1)
        sem.acquire()
        statuses = []

        def child():
            # The wait that the handler interrupted is of this thread, but of another process.
            assert sem.loose == 1
            assert sem.release() is True
            if sem.acquire(blocking=False):
                assert sem.release() is True

        def handler(*_):
            in_child(child)
            statuses.append(0)

        signal.signal(signal.SIGUSR1, handler)

        def disturb():
            wait_until(lambda: sem.waiting == 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda: statuses)
            sem.release()

        disturber = in_thread(disturb)
        print(sem.acquire(), statuses)
        disturber.result()
        """
    )

    assert out == "True [0]\n"


@pytest.mark.parametrize("new", ["permits.CountSemaphore(1)", "permits.CountSemaphore(1, fair=True)", "permits.Semaphore(1)"])
@pytest.mark.parametrize("timeout", [None, 10])
def test_wait_that_a_fork_in_a_signal_handler_interrupts_goes_on_in_parent_and_child(new, timeout):
    out = run(
        """
        sem = eval(sys.argv[1])
        timeout = eval(sys.argv[2])
        sem.acquire()
        pid = None

        def handler(*_):
            global pid
            pid = os.fork()
            if pid == 0:
                signal.alarm(15)
            # Each its own: in the child nobody waits by now, and the wait itself goes on after this.
            assert sem.waiting == (1 if pid else 0)
            sem.release()

        signal.signal(signal.SIGUSR1, handler)
        in_thread(lambda: (wait_until(lambda: sem.waiting == 1), os.kill(os.getpid(), signal.SIGUSR1)))

        taken = sem.acquire(timeout=timeout)

        result = (taken, sem.available, sem.waiting)
        if pid == 0:
            os._exit(0 if result == (True, 0, 0) else 1)
        print(*result, os.waitpid(pid, 0)[1])
        """,
        new,
        timeout,
    )

    assert out == "True 0 0 0\n"


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_hook_for_the_child_that_was_there_before_the_import_uses_the_semaphore_of_the_child(fair):
    out = run(
        """
        sem = permits.CountSemaphore(1, fair=eval(sys.argv[1]))
        sem.acquire()
        waiter = in_thread(sem.acquire)
        wait_until(lambda: sem.waiting == 1)

        def hook():
            # The thread that waits is the parent's, and is granted nothing here.
            assert sem.waiting == 0
            sem.release()

        def child():
            assert (sem.available, sem.loose) == (1, 0)
            assert sem.acquire(timeout=5) is True

        in_child(child)
        assert sem.waiting == 1
        sem.release()
        print(waiter.result(), sem.loose)
        """,
        fair,
        before="""
            import os
            hook = lambda: None
            os.register_at_fork(after_in_child=lambda: hook())
        """,
    )

    assert out == "True 1\n"


def test_two_threads_that_fork_at_once_have_a_working_semaphore_in_both_children():
    out = run(
        """
        sem = permits.CountSemaphore(1, fair=True)
        sem.acquire()
        waiter = in_thread(sem.acquire)
        wait_until(lambda: sem.waiting == 1)

        def child():
            assert sem.waiting == 0
            sem.release()
            assert sem.acquire(timeout=5) is True

        def slowly():
            slow.here = True
            in_child(child)

        forker = in_thread(slowly)
        assert between.wait(20)
        # The whole of this fork lies between the begin of the other one and its end.
        in_child(child)
        go_on.set()
        forker.result()
        assert sem.waiting == 1
        sem.release()
        print(waiter.result(), sem.loose)
        """,
        before="""
            import os, threading
            slow, between, go_on = threading.local(), threading.Event(), threading.Event()

            def hook():
                if getattr(slow, "here", False):
                    between.set()
                    go_on.wait()

            # The hooks before a fork run from the last to the first: this one after those of permits.
            os.register_at_fork(before=hook)
        """,
    )

    assert out == "True 1\n"


def test_a_fork_that_is_not_pythons_is_noticed():
    """By a library in C, for instance: none of Python's hooks is called."""
    out = run(
        """
        import ctypes

        sem = permits.CountSemaphore(1, fair=True)
        sem.acquire()
        waiter = in_thread(sem.acquire)
        wait_until(lambda: sem.waiting == 1)

        def child():
            # The thread that waits is the parent's, and is granted nothing here.
            assert sem.waiting == 0
            sem.release()
            assert (sem.available, sem.loose) == (1, 0)

        # With the interpreter's lock, as an extension would.
        os.fork = ctypes.PyDLL(None).fork
        in_child(child)
        assert sem.waiting == 1
        sem.release()
        print(waiter.result(), sem.loose)
        """
    )

    assert out == "True 1\n"
