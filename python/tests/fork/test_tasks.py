"""`os.fork` while tasks wait, or have a grant that they have not taken."""

from __future__ import annotations

import pytest

from conftest import run_script
from fork.programs import run
from helpers_async import python

FORKS = """
import asyncio, os, sys
import permits

sem = permits.CountSemaphore(1)
sem.acquire()

async def main():
    tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(3)]
    await asyncio.sleep(0)
    pid = os.fork()
    if pid == 0:
        # The tasks of the parent wait in the parent; here the queue is empty, and the count as it was.
        seen = sem.waiting, sem.available, sem.loose
        sem.release()
        took = sem.acquire(blocking=False)
        os._exit(0 if (seen, took) == ((0, 0, 1), True) else 3)
    status = os.waitpid(pid, 0)[1]
    for task in tasks:
        sem.release()
        assert await task is True
    print(os.WEXITSTATUS(status), sem.waiting, sem.loose)

asyncio.run(asyncio.wait_for(main(), 20))
"""


def test_a_fork_while_tasks_wait_leaves_parent_and_child_at_work():
    assert python(FORKS) == "0 0 1\n"


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


def test_child_of_a_program_whose_threads_tell_tasks_exits_at_once():
    out = run_script(
        """
        import asyncio, permits
        sem = permits.CountSemaphore(1)
        rounds, over = 0, False

        def loop():
            async def main():
                global rounds
                while not over:
                    await sem.acquire_async()
                    rounds += 1
            asyncio.run(main())

        def release():
            while not over:
                sem.release(timeout=0.01)

        threads = [in_thread(target) for target in (loop, release, release, release)]
        wait_until(lambda: rounds >= 20)
        times = []
        for _ in range(30):
            began = time.perf_counter()
            pid = os.fork()
            if pid == 0:
                # With the whole end of an interpreter.
                sys.exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            times.append(time.perf_counter() - began)
        over = True
        sem.grow()
        for thread in threads:
            thread.result()
        print(sum(time > 0.9 for time in times))
        """
    )

    # Some of them waited a second for threads that were not there. (One may be slow on a loaded machine.)
    assert int(out) <= 1
