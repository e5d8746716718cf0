"""Handlers of signals while the main thread waits: no wait is cut short or drawn out, and no permit is lost (C10, C11)."""

from __future__ import annotations

import pytest

from conftest import run_script
from signals.conftest import BLOCKED, every_way


@every_way
def test_signal_handler_that_returns_lets_the_wait_go_on(way):
    setup, wait = BLOCKED[way]
    undo = "sem.acquire()" if "release" in way else "sem.release()"

    out = run_script(
        """
        import permits
        exec(sys.argv[1])
        handled = []
        signal.signal(signal.SIGUSR1, lambda *_: handled.append(sem.waiting))

        def disturb():
            wait_until(lambda: sem.waiting == 1)
            for turn in range(10):
                os.kill(os.getpid(), signal.SIGUSR1)
                wait_until(lambda: len(handled) == turn + 1)
            exec(sys.argv[3], {"sem": sem})

        disturber = in_thread(disturb)
        exec(sys.argv[2])
        disturber.result()
        print(len(handled), sem.waiting)
        """,
        setup,
        wait,
        undo,
    )

    assert out.replace("it entered\n", "") == "10 0\n"


# A thread at the head of the queue is interrupted by a handler that has just released what it waited for: the next one must get it.
HEAD_IS_INTERRUPTED = """
    import permits
    setup, wait, give, behind, fair = sys.argv[1:]
    exec(setup)
    # Compiled: text would mark the interruption as one that nobody caught.
    wait = compile(wait, "wait", "exec")
    for turn in range(10):
        def handler(*_):
            exec(give, globals())
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, handler)
        second = []

        def run():
            wait_until(lambda: sem.waiting == 1)
            return eval(behind)

        def interrupt():
            wait_until(lambda: sem.waiting == 2)
            os.kill(os.getpid(), signal.SIGINT)

        other, interrupter = in_thread(run), in_thread(interrupt)
        try:
            exec(wait)
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("it was not interrupted")
        start = time.monotonic()
        assert other.result() is True, "the second waiter was not woken"
        assert time.monotonic() - start < 5
        interrupter.result()
        assert sem.waiting == 0
    print("passed on", sem.available)
"""


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
@pytest.mark.parametrize(
    ("setup", "wait", "give", "behind"),
    [
        ("permits.Semaphore(0, fair={})", "sem.acquire()", "sem.release()", "sem.acquire(timeout=10)"),
        ("permits.Semaphore(0, fair={})", "sem.acquire(timeout=60)", "sem.release()", "sem.acquire(timeout=10)"),
        ("permits.Semaphore(0, fair={})", "with sem: pass", "sem.release()", "sem.acquire(timeout=10)"),
        ("permits.Semaphore(0, fair={})", "sem.permit()", "sem.release()", "sem.acquire(timeout=10)"),
        ("permits.BoundedSemaphore(1, fair={}); sem.acquire()", "sem.acquire()", "sem.release()", "sem.acquire(timeout=10)"),
        ("permits.CountSemaphore(1, fair={}); sem.acquire()", "sem.acquire()", "sem.release()", "sem.acquire(1, 10)"),
        ("permits.CountSemaphore(1, fair={}); sem.acquire()", "with sem: pass", "sem.release()", "sem.acquire(1, 10)"),
        ("permits.CountSemaphore(1, fair={})", "sem.release()", "sem.acquire()", "sem.release(1, 10)"),
    ],
)
def test_interrupted_head_of_the_queue_passes_its_grant_on(setup, wait, give, behind, fair):
    setup = "sem = " + setup.format(fair)

    out = run_script(HEAD_IS_INTERRUPTED, setup, wait, give, behind, fair)

    assert out.startswith("passed on")
    assert out.split()[-1] == ("1" if wait == "sem.release()" else "0")


@pytest.mark.parametrize("wait", ["acquire", "release"])
@pytest.mark.parametrize("seconds", [0.5])
def test_interval_timer_neither_shortens_nor_lengthens_a_timed_wait(wait, seconds):
    out = run_script(
        """
        import permits
        wait, seconds = sys.argv[1], float(sys.argv[2])
        sem = permits.CountSemaphore(1)
        if wait == "acquire":
            sem.acquire()
        ticks = []
        signal.signal(signal.SIGALRM, lambda *_: ticks.append(time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        start = time.monotonic()
        result = getattr(sem, wait)(timeout=seconds)
        took = time.monotonic() - start
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(result, took, sum(start < tick < start + seconds for tick in ticks), sem.waiting)
        """,
        wait,
        seconds,
    )

    result, took, ticks, waiting = out.split()
    assert (result, waiting) == ("False", "0")
    assert seconds <= float(took) < seconds + 3
    # The handlers ran during the wait, not after it.
    assert int(ticks) >= 5


@pytest.mark.parametrize(
    ("setup", "wait", "serve"),
    [
        ("sem = permits.Semaphore(0)", "sem.acquire()", "sem.release()"),
        ("sem = permits.Semaphore(0)", "sem.acquire(timeout=60)", "sem.release()"),
        ("sem = permits.BoundedSemaphore(1); sem.acquire()", "sem.acquire()", "sem.release()"),
        ("sem = permits.CountSemaphore(1); sem.acquire()", "sem.acquire()", "sem.release()"),
        ("sem = permits.CountSemaphore(1); held = [sem.permit()]", "sem.acquire()", "held[0].release()"),
        ("sem = permits.CountSemaphore(1); held = [sem.permit()]", "sem.acquire()", "held.clear()"),
        ("sem = permits.CountSemaphore(1)", "sem.release()", "sem.acquire()"),
        ("sem = permits.CountSemaphore(1)", "sem.release(1, 60)", "sem.permit().forget()"),
        ("sem = permits.CountSemaphore(1); sem.acquire()", "sem.acquire()", "sem.grow()"),
    ],
)
def test_signal_handler_serves_the_main_thread_that_waits(setup, wait, serve):
    out = run_script(
        """
        import permits
        setup, wait, serve = sys.argv[1:]
        exec(setup)
        signal.signal(signal.SIGUSR1, lambda *_: exec(serve, globals()))
        in_thread(lambda: (wait_until(lambda: sem.waiting == 1), os.kill(os.getpid(), signal.SIGUSR1)))
        print(eval(wait), sem.waiting)
        """,
        setup,
        wait,
        serve,
    )

    assert out == "True 0\n"


def test_signal_handler_that_closes_the_semaphore_ends_the_wait():
    out = run_script(
        """
        import permits
        sem = permits.CountSemaphore(1)
        sem.acquire()
        signal.signal(signal.SIGUSR1, lambda *_: sem.close())
        in_thread(lambda: (wait_until(lambda: sem.waiting == 1), os.kill(os.getpid(), signal.SIGUSR1)))
        try:
            sem.acquire()
        except permits.ClosedError:
            print("closed")
        """
    )

    assert out == "closed\n"


def test_signal_handler_may_wait_for_the_semaphore_the_main_thread_waits_for():
    out = run_script(
        """
        import permits
        sem = permits.Semaphore(0)
        got = []
        signal.signal(signal.SIGUSR1, lambda *_: got.append(sem.acquire(timeout=0.01)) or got.append(sem.acquire()))

        def serve():
            wait_until(lambda: sem.waiting == 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda: got == [False] and sem.waiting == 2)
            sem.release(2)

        server = in_thread(serve)
        print(sem.acquire(), got)
        server.result()
        """,
        limit=10,
    )

    assert out == "True [False, True]\n"
