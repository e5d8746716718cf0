"""Ctrl-C, and the end of the interpreter: it gives leases back, and neither hangs nor aborts."""

from __future__ import annotations

import subprocess

import pytest

import permits
from conftest import finish_script, run_script, start_script, wait_until
from machines.conftest import SOON, counts


@pytest.mark.parametrize("act", ["acquire", "permit", "release"])
def test_ctrl_c_ends_a_wait_and_gives_up_its_place(opened, address, act):
    sem = opened(1)
    permit = sem.permit() if act != "release" else None
    process = start_script(
        """
        import permits
        sem = permits.connect(sys.argv[1])
        try:
            getattr(sem, sys.argv[2])()
        except KeyboardInterrupt:
            print(sem.acquire(blocking=False))
        """,
        address,
        act,
    )
    try:
        wait_until(lambda: sem.waiting == 1 or process.poll() is not None, SOON)
        process.send_signal(2)
        out = finish_script(process, SOON)
    finally:
        process.kill()

    assert out == ("True\n" if act == "release" else "False\n")
    wait_until(lambda: sem.waiting == 0, SOON)
    if permit:
        permit.release()


# In a lease of ten minutes: what comes back was given back.
@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(0)",
        "del sem, permit",
        "sem.__enter__(); sem = None",
        "in_thread(sem.acquire); wait_until(lambda: sem.waiting == 1)",
        "in_thread(asyncio.run, waits()); wait_until(lambda: sem.waiting == 1)",
    ],
)
def test_end_of_the_interpreter_gives_back_what_the_process_held(opened, address, end):
    sem = opened(2)
    source = """
        import asyncio, permits
        async def waits():
            await sem.permit_async()
        sem = permits.connect(sys.argv[1], ttl=600)
        permit = sem.permit(2) if "wait" in sys.argv[2] else sem.permit()
        exec(sys.argv[2])
    """

    assert run_script(source, address, end, limit=SOON) == ""

    wait_until(lambda: counts(sem) == (2, 0, 0) and sem.waiting == 0, SOON)


def test_end_of_the_interpreter_waits_for_the_answer_of_a_slow_server(own_server, tmp_path):
    address = own_server.address("slow")
    sem = permits.connect(address, 1)
    process = start_script(
        """
        import permits
        sem = permits.connect(sys.argv[1], ttl=600, connect_timeout=60)
        permit = sem.permit()
        print("holds")
        wait_until(lambda: os.path.exists(sys.argv[2]))
        del sem, permit
        print("dropped")
        """,
        address,
        tmp_path / "stopped",
    )
    try:
        assert process.stdout.readline() == "holds\n", process.stderr.read()
        own_server.stop()
        (tmp_path / "stopped").touch()
        assert process.stdout.readline() == "dropped\n", process.stderr.read()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        own_server.go_on()
        assert finish_script(process, SOON) == ""
    finally:
        process.kill()

    wait_until(lambda: counts(sem) == (1, 0, 0), SOON)


def test_end_of_the_interpreter_does_not_wait_long_for_a_server_that_is_gone(own_server, tmp_path):
    process = start_script(
        """
        import permits
        sem = permits.connect(sys.argv[1], 1, ttl=600, connect_timeout=1)
        permit = sem.permit()
        print("holds")
        wait_until(lambda: os.path.exists(sys.argv[2]))
        print(permit.lost())
        """,
        own_server.address("gone"),
        tmp_path / "gone",
    )
    try:
        assert process.stdout.readline() == "holds\n", process.stderr.read()
        own_server.end()
        (tmp_path / "gone").touch()
        assert finish_script(process, SOON) == "False\n"
    finally:
        process.kill()
