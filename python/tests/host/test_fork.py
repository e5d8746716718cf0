"""`os.fork` in a process with handles, permits and waiting threads."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from fork.programs import run
from helpers_async import DEADLINE, background, eventually
from host.conftest import counts, may_fork

pytestmark = may_fork


def in_child(act):
    """Forks; the child ends with what `act` says: 0 if that is true."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if act() else 3
        finally:
            os._exit(code)
    return pid


def ended(pid):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "it hangs"


def test_a_forked_child_uses_the_handle(opened):
    sem = opened(2)

    def child():
        with sem:
            assert counts(sem) == (1, 1, 0)
        with sem.permit(2) as permit:
            assert permit.count == 2
        return sem.acquire() and sem.available == 1

    assert ended(in_child(child)) == 0
    assert counts(sem) == (1, 0, 1)
    assert sem.release() is True


def test_a_forked_child_waits_and_is_granted_by_its_parent(opened):
    sem = opened(1)
    permit = sem.permit()

    pid = in_child(lambda: sem.acquire(timeout=DEADLINE))
    assert eventually(lambda: sem.waiting == 1)
    permit.release()

    assert ended(pid) == 0
    assert counts(sem) == (0, 0, 1)


def test_a_forked_child_awaits_in_a_loop_of_its_own(opened):
    sem = opened(1)
    permit = sem.permit()

    async def main():
        return await sem.acquire_async()

    pid = in_child(lambda: asyncio.run(main()))
    assert eventually(lambda: sem.waiting == 1)
    permit.release()

    assert ended(pid) == 0
    assert counts(sem) == (0, 0, 1)


def test_the_permits_of_a_parent_stay_its_own_in_a_child(opened):
    sem = opened(2)
    permit = sem.permit()

    def child():
        permit.release()
        assert sem.given_out == 1
        with sem:
            assert sem.given_out == 2
        return True

    with sem:
        pass
    assert ended(in_child(child)) == 0

    assert counts(sem) == (1, 1, 0)
    assert permit.count == 1
    permit.release()
    assert counts(sem) == (2, 0, 0)


def test_a_forked_child_that_is_killed_gives_back_what_it_holds_and_nothing_else(opened):
    sem = opened(2)
    permit = sem.permit()

    def child():
        with sem:
            time.sleep(60)

    pid = in_child(child)
    assert eventually(lambda: sem.given_out == 2)
    os.kill(pid, signal.SIGKILL)

    assert ended(pid) == -signal.SIGKILL
    assert sem.acquire(timeout=DEADLINE) is True
    assert counts(sem) == (0, 1, 1)
    permit.release()


def test_a_fork_while_another_thread_waits_leaves_both_at_work(opened):
    sem = opened(2)
    permit = sem.permit(2)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 1)

    pid = in_child(lambda: sem.waiting == 1 and sem.acquire(timeout=DEADLINE))
    assert eventually(lambda: sem.waiting == 2)
    permit.release()

    assert ended(pid) == 0
    assert waits.result(DEADLINE) is True
    assert counts(sem) == (0, 0, 2)


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
