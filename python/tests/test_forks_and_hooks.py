"""`os.fork` where it is least expected: in a signal's handler during a wait, before our own hooks, twice at once, with grants on their way."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from conftest import run_script
from test_fork import FORK


def run(source, *arguments, before="pass"):
    """Runs a program that has `start_child` and `in_child`; and `before` is run before it imports permits."""
    return run_script("\n".join(map(cleandoc, (before, FORK, source))), *arguments)


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


def test_wait_for_a_host_semaphore_that_a_fork_in_a_signal_handler_interrupts_goes_on_in_parent_and_child(tmp_path):
    out = run(
        """
        sem = permits.HostSemaphore("of the test", 1, directory=sys.argv[1])
        sem.acquire()
        pid = None

        def handler(*_):
            global pid
            pid = os.fork()
            if pid == 0:
                signal.alarm(15)

        signal.signal(signal.SIGUSR1, handler)

        def disturb():
            wait_until(lambda: sem.waiting == 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            # The child's own wait is the second.
            wait_until(lambda: sem.waiting == 2)
            sem.release()

        disturber = in_thread(disturb)

        taken = sem.acquire(timeout=15)

        sem.release()
        if pid == 0:
            os._exit(0 if taken else 1)
        disturber.result()
        print(taken, os.waitpid(pid, 0)[1], sem.available)
        """,
        tmp_path,
    )

    assert out == "True 0 1\n"


def test_end_of_an_inherited_block_in_the_child_leaves_alone_what_threads_of_the_child_hold(tmp_path):
    out = run(
        """
        sem = permits.HostSemaphore("of the test", 2, directory=sys.argv[1])
        inside, leave = threading.Event(), threading.Event()

        def work():
            with sem:
                inside.set()
                leave.wait()

        with sem:
            pid = os.fork()
            if pid == 0:
                signal.alarm(15)
                worker = in_thread(work)
                inside.wait()
                seen = [sem.given_out]
            else:
                status = os.waitpid(pid, 0)[1]
        if pid == 0:
            # The parent is still inside its block, and so is the worker.
            seen.append(sem.given_out)
            leave.set()
            worker.result()
            seen.append(sem.given_out)
            os._exit(0 if seen == [2, 2, 1] else 1)
        print(status, sem.available)
        """,
        tmp_path,
    )

    assert out == "0 2\n"


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


def test_tasks_of_the_parent_that_have_a_grant_are_in_nobodys_way_in_the_child():
    out = run(
        """
        import asyncio
        from permits import aio
        sem = aio.Semaphore(1)
        queued, granted, forked = threading.Event(), threading.Event(), threading.Event()

        async def acquire():
            return await sem.acquire()

        def loop():
            async def main():
                task = asyncio.ensure_future(acquire())
                while not sem.waiting:
                    await asyncio.sleep(0)
                queued.set()
                # The loop is busy, so that the task cannot go on.
                granted.wait()
                forked.wait()
                return await task
            return asyncio.run(main())

        asyncio.run(acquire())
        thread = in_thread(loop)
        assert queued.wait(20)
        sem.release()
        granted.set()
        assert sem.locked() is True

        def child():
            sem.release()
            assert sem.locked() is False

            async def main():
                # It does not yield.
                try:
                    sem.acquire().send(None)
                except StopIteration as end:
                    return end.value

            assert asyncio.run(main()) is True

        in_child(child)
        forked.set()
        print(thread.result(), sem.locked())
        """
    )

    assert out == "True True\n"


@pytest.mark.parametrize("end", ["close", "throw", "drop", "go on"])
@pytest.mark.parametrize("what", ["acquire_async", "permit_async"])
def test_grant_that_the_forking_thread_had_not_taken_is_taken_or_returned_by_the_child(what, end):
    out = run(
        """
        import asyncio, gc
        what, end = sys.argv[1:]
        sem = permits.CountSemaphore(1)
        held = sem.permit()
        request = getattr(sem, what)()

        async def main():
            request.send(None)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        assert sem.waiting == 1
        held.release()
        assert (sem.available, sem.waiting) == (0, 0)

        def finish():
            global request
            if end == "close":
                request.close()
            elif end == "throw":
                try:
                    request.throw(ValueError("of the test"))
                except ValueError:
                    pass
            elif end == "drop":
                del request
                gc.collect()
            else:
                try:
                    request.send(None)
                except StopIteration as granted:
                    # What it got goes with this.
                    taken = granted.value
                assert sem.available == 0
                if what == "acquire_async":
                    assert taken is True and sem.loose == 1
                    sem.release()
                else:
                    taken.release()
            assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0), sem.state()
            assert sem.acquire(timeout=5) is True

        in_child(finish)
        assert sem.available == 0
        finish()
        loop.close()
        print("done")
        """,
        what,
        end,
    )

    assert out == "done\n"


def test_release_that_the_forking_thread_had_not_completed_is_given_up_by_the_child():
    out = run(
        """
        import asyncio
        sem = permits.CountSemaphore(1)
        request = sem.release_async()

        async def main():
            request.send(None)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        assert sem.acquire() is True
        assert sem.waiting == 0

        def finish():
            request.close()
            assert (sem.available, sem.loose) == (0, 1), sem.state()
            assert sem.release(timeout=5) is True
            assert (sem.available, sem.loose) == (1, 0), sem.state()

        in_child(finish)
        finish()
        loop.close()
        print("done")
        """
    )

    assert out == "done\n"
