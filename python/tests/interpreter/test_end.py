"""The end of the interpreter while threads and tasks wait, and while permits are held."""

from __future__ import annotations

import pytest

from conftest import run_script
from helpers_async import python


@pytest.mark.parametrize(
    "waits",
    [
        "permits.CountSemaphore(1).release()",
        "permits.CountSemaphore(1).release(timeout=100)",
        "permits.Semaphore(0).acquire()",
        "permits.Semaphore(0).acquire(timeout=100)",
        "permits.Semaphore(0).permit()",
        "permits.BoundedSemaphore(0).acquire()",
    ],
)
def test_interpreter_ends_while_daemon_threads_wait(waits):
    out = run_script(
        """
        import permits
        running = threading.Semaphore(0)

        def wait():
            running.release()
            eval(sys.argv[1])

        for _ in range(3):
            threading.Thread(target=wait, daemon=True).start()
        for _ in range(3):
            running.acquire()
        print("ends")
        """,
        waits,
    )

    assert out == "ends\n"


def test_interpreter_ends_while_daemon_threads_are_woken():
    out = run_script(
        """
        import atexit, permits
        sem = permits.CountSemaphore(1)
        sem.acquire()

        def churn():
            while True:
                sem.acquire(1, 0.0001)
                sem.release(2, 0.0001) if sem.max_permits > 1 else None

        def wait():
            sem.acquire()

        for target in (churn, churn, wait, wait, wait):
            threading.Thread(target=target, daemon=True).start()
        wait_until(lambda: sem.waiting >= 3)
        # The last thing before the interpreter goes away: all who wait want to run.
        atexit.register(sem.grow, 3)
        print("ends")
        """
    )

    assert out == "ends\n"


def test_interpreter_ends_while_daemon_threads_time_out():
    for turn in range(4):
        out = run_script(
            """
            import permits
            sem = permits.Semaphore(0)

            def churn():
                while True:
                    sem.acquire(timeout=0.00005)

            for _ in range(6):
                threading.Thread(target=churn, daemon=True).start()
            wait_until(lambda: sem.waiting >= 1)
            print("ends")
            """
        )
        assert out == "ends\n", turn


def test_interpreter_ends_with_permits_held():
    out = run_script(
        """
        import permits
        sem = permits.CountSemaphore(5)
        permit = sem.permit(2)
        sem.acquire()
        sem.__enter__()
        inside = threading.Event()

        class Cycle:
            pass

        cycle = Cycle()
        cycle.itself, cycle.permit = cycle, permit.split(1)

        def hold():
            with sem:
                inside.set()
                threading.Event().wait()

        threading.Thread(target=hold, daemon=True).start()
        inside.wait()
        sys.held_past_the_end = sem, permit
        print(sem.available)
        """
    )

    assert out == "0\n"


def test_finalizers_at_the_end_of_the_interpreter_may_release():
    out = run_script(
        """
        import atexit, permits
        sem = permits.CountSemaphore(3)
        permit = sem.permit()
        sem.acquire()

        class AtTheEnd:
            def __del__(self, sem=sem, permit=permit, print=print):
                permit.release()
                sem.release()
                print("returned", sem.available)

        atexit.register(lambda: print("exits", sem.given_out))
        last = AtTheEnd()
        """
    )

    assert out == "exits 2\nreturned 3\n"


ENDS = """
import asyncio, atexit, sys, threading, time
import permits

how = sys.argv[1]
sem = permits.CountSemaphore(1)
permit = sem.permit()
# It wakes who waits while the interpreter ends.
atexit.register(permit.release)

async def main():
    await sem.acquire_async()

if how == "thread":
    threading.Thread(target=sem.acquire, daemon=True).start()
elif how == "thread with a timeout":
    threading.Thread(target=sem.acquire, args=(1, 100), daemon=True).start()
elif how == "loop of a thread":
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
else:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(main())
    loop.run_until_complete(asyncio.sleep(0.01))
while sem.waiting == 0:
    time.sleep(0.001)
print("ends")
"""


@pytest.mark.parametrize("how", ["thread", "thread with a timeout", "loop of a thread", "loop that is left"])
def test_an_interpreter_that_ends_while_it_waits_ends(how):
    assert python(ENDS, how) == "ends\n"
