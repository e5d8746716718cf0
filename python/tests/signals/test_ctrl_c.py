"""Ctrl-C while the main thread waits: it is served at once, at any point of the wait, and no permit is lost (C10)."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from conftest import HANG, finish_script, run_script, start_script
from signals.conftest import BLOCKED, every_way


@every_way
def test_ctrl_c_interrupts_every_wait_and_leaves_no_trace(way):
    setup, wait = BLOCKED[way]
    count = 25

    out = run_script(
        """
        import permits, statistics
        setup, wait, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
        exec(setup)
        wait = compile(wait, "wait", "exec")
        before = (sem.available, sem.waiting)
        resume, sent, latencies = threading.Semaphore(0), [], []

        def interrupt():
            for _ in range(count):
                resume.acquire()
                wait_until(lambda: sem.waiting == 1)
                # It stands in the queue; now it falls asleep. The test below is about a signal that comes earlier.
                time.sleep(0.003)
                sent.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)

        interrupter = in_thread(interrupt)
        for _ in range(count):
            try:
                resume.release()
                exec(wait)
            except KeyboardInterrupt:
                latencies.append(time.perf_counter() - sent[-1])
                assert (sem.available, sem.waiting) == before
        interrupter.result()
        assert len(latencies) == count
        print("interrupted", statistics.median(latencies) * 1e3, max(latencies) * 1e3)
        """,
        setup,
        wait,
        count,
    )

    word, median, worst = out.split()
    print(f"{way}: Ctrl-C after {float(median):.2f} ms in the median, {float(worst):.2f} ms at most, of {count}")
    assert word == "interrupted"
    # The hang limit: what a wait that looks for signals now and then would still keep is not good enough.
    assert float(median) < 500


def test_ctrl_c_at_any_point_of_a_wait_is_served():
    out = run_script(
        """
        import permits
        sem = permits.CountSemaphore(1)
        sem.acquire()
        resume = threading.Semaphore(0)

        def interrupt():
            for turn in range(40):
                resume.acquire()
                # From before the call to after the thread has fallen asleep.
                end = time.perf_counter() + turn * 0.00001
                while time.perf_counter() < end:
                    pass
                os.kill(os.getpid(), signal.SIGINT)

        interrupter = in_thread(interrupt)
        for turn in range(40):
            try:
                resume.release()
                sem.acquire()
            except KeyboardInterrupt:
                pass
            assert (sem.loose, sem.waiting) == (1, 0)
        interrupter.result()
        print("served")
        """
    )

    assert out == "served\n"


@pytest.mark.parametrize("wait", ["sem.acquire()", "with sem: pass", "sem.permit()"])
def test_ctrl_c_from_another_process_ends_a_program_that_waits(wait):
    program = start_script(
        """
        import permits
        sem = permits.CountSemaphore(1)
        sem.acquire()
        in_thread(lambda: (wait_until(lambda: sem.waiting == 1), print("waits")))
        # Compiled: text would mark the interruption as one that nobody caught.
        wait = compile(sys.argv[1], "wait", "exec")
        try:
            exec(wait)
        except KeyboardInterrupt:
            print("interrupted", sem.waiting, sem.loose)
        """,
        wait,
    )
    assert program.stdout.readline() == "waits\n"

    os.kill(program.pid, signal.SIGINT)

    assert finish_script(program) == "interrupted 0 1\n"


def test_ctrl_c_that_nobody_catches_ends_the_program():
    program = start_script(
        """
        import permits
        sem = permits.CountSemaphore(1)
        threading.Thread(target=lambda: (wait_until(lambda: sem.waiting == 1), print("waits")), daemon=True).start()
        sem.release()
        """
    )
    assert program.stdout.readline() == "waits\n"

    os.kill(program.pid, signal.SIGINT)

    out, err = program.communicate(timeout=HANG)
    assert program.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in err


# Before 3.11 a signal's exception may come between the end of a block and its `__exit__`; a Permit is dropped then, and a `with sem` is left.
GUARDS = ["with sem.permit(): pass", "with sem: pass"] if sys.version_info >= (3, 11) else ["with sem.permit(): pass"]


@pytest.mark.parametrize("guard", GUARDS)
def test_interruptions_that_race_grants_lose_no_permit(guard):
    out = run_script(
        """
        import permits, random
        seed = int(sys.argv[2])
        guard = compile(sys.argv[1], "guard", "exec")
        sem = permits.CountSemaphore(1)
        rng = random.Random(seed)
        done, counts = [], {True: 0, False: 0}

        def churn():
            # So short a time that grant and interruption meet.
            while not done:
                with sem:
                    time.sleep(rng.random() * 0.0003)
                time.sleep(rng.random() * 0.0003)

        def tick(*_):
            raise InterruptedError

        churner = in_thread(churn)
        signal.signal(signal.SIGALRM, tick)
        for _ in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00001 + rng.random() ** 2 * 0.001)
                exec(guard)
                counts[True] += 1
                signal.setitimer(signal.ITIMER_REAL, 0)
            except InterruptedError:
                counts[False] += 1
        # One may still be on its way.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        done.append(True)
        churner.result()
        state = sem.state()
        assert (state.available, state.waiting_acquirers) == (1, 0), (seed, state)
        assert all(counts.values()), (seed, counts)
        print("kept")
        """,
        guard,
        20261123,
    )

    assert out == "kept\n"
