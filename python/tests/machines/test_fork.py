"""A child of a fork: it is told that the connection is its parent's, and touches nothing of it."""

from __future__ import annotations

import inspect

from conftest import run_script, wait_until
from machines.conftest import SOON, counts

FORK = """
import asyncio, permits

def in_child(act):
    pid = os.fork()
    if pid == 0:
        # What hangs is killed.
        signal.alarm(40)
        code = 1
        try:
            code = 0 if act() else 3
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]

def refused(act, *args):
    try:
        act(*args)
    except permits.EtcdError as error:
        return error.kind == "not-ours" and "connect again" in str(error)
    return False

async def awaited(request):
    return await request()

sem = permits.connect(sys.argv[1], 2)
"""


def forked(source, *arguments):
    return run_script(FORK + inspect.cleandoc(source), *arguments, limit=60)


def test_child_of_a_fork_is_refused_at_once(address):
    out = forked(
        """
        permit = sem.permit()
        acts = [sem.acquire, sem.release, sem.permit, sem.state, sem.close, sem.grow, sem.__enter__, permit.forget]
        acts += [lambda: sem.acquire(timeout=1), lambda: sem.acquire(blocking=False), lambda: sem.available]
        acts += [lambda: asyncio.run(awaited(sem.acquire_async)), lambda: asyncio.run(awaited(sem.permit_async))]
        print([in_child(lambda: refused(act)) for act in acts])
        print(in_child(lambda: (permit.count, permit.token, permit.lost(), permit.remaining) == (0, None, True, 0)))
        print(sem.state().given_out, permit.count, permit.lost())
        """,
        address,
    )

    assert out == str([0] * 13) + "\n0\n1 1 False\n"


def test_what_a_child_drops_stays_with_its_parent(address):
    out = forked(
        """
        import gc
        permit = sem.permit()

        def drop():
            global sem, permit
            permit.release()
            del sem, permit
            gc.collect()
            return True

        with sem:
            print(in_child(drop), sem.given_out)
            pid = os.fork()
            if pid == 0:
                # The end of the interpreter in the child, with all of its destructors.
                sys.exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sem.given_out)
        """,
        address,
    )

    assert out == "0 2\n7 2\n"


def test_wait_that_a_fork_in_a_signal_handler_interrupts_is_refused_in_the_child(address):
    out = forked(
        """
        permit = sem.permit(2)
        pid = None

        def handler(*_):
            global pid
            pid = os.fork()
            if pid == 0:
                signal.alarm(40)

        signal.signal(signal.SIGUSR1, handler)

        def disturb():
            wait_until(lambda: sem.waiting == 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda: pid)
            permit.release()

        disturber = in_thread(disturb)
        is_refused = refused(sem.acquire)

        if pid == 0:
            os._exit(0 if is_refused else 1)
        disturber.result()
        print(is_refused, os.waitpid(pid, 0)[1], sem.loose)
        """,
        address,
    )

    assert out == "False 0 1\n"


def test_child_connects_again_and_gives_its_lease_back_at_its_end(opened, address):
    sem = opened(2)
    out = forked(
        """
        pid = os.fork()
        if pid == 0:
            permit = permits.connect(sys.argv[1], ttl=600).permit()
            print(permit.count, permit.lost())
            sys.exit(0)
        print(os.waitpid(pid, 0)[1])
        """,
        address,
    )

    assert out == "1 False\n0\n"
    wait_until(lambda: counts(sem) == (2, 0, 0), SOON)
