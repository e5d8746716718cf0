"""Leases: renewed whatever Python does, and what is told when one is lost."""

from __future__ import annotations

import ctypes
import time

import pytest

import permits
from conftest import in_thread, start_script, wait_until
from machines.conftest import SOON, counts


def hold_the_gil(seconds):
    """Sleeps in a call for which ctypes does not let go of the interpreter."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


def test_lease_outlasts_a_call_that_holds_the_interpreter(opened):
    sem, ttl = opened(1, ttl=5), 5
    turns = []

    def turn():
        while not turns or turns[-1] is not None:
            turns.append(time.monotonic())
            time.sleep(0.001)

    with sem.permit() as permit:
        turning = in_thread(turn)
        wait_until(lambda: turns, SOON)
        began = time.monotonic()
        hold_the_gil(1.5 * ttl)
        ended = time.monotonic()
        turns.append(None)
        turning.result(SOON)

        # No other thread of Python's has run, for longer than the lease lasts without its renewals.
        assert ended - began > 1.4 * ttl
        assert not [moment for moment in turns if moment and began + 0.5 < moment < ended - 0.5]
        assert not permit.lost() and 0 < permit.remaining <= ttl
        assert counts(sem) == (0, 1, 0)


@pytest.fixture
def lost(own_server):
    """A semaphore, and a permit of it that is lost."""
    sem = permits.connect(own_server.address("lost"), 2)
    permit = sem.permit(2)
    assert not permit.lost()
    own_server.revoke_all()
    wait_until(permit.lost, SOON)
    return sem, permit


def test_lost_permit_says_so_once_it_is_given_back(lost):
    sem, permit = lost

    assert (permit.count, permit.remaining) == (2, 0)
    with pytest.raises(permits.LostError, match="semaphore `lost`: the permits were lost") as caught:
        permit.release()
    assert caught.value.kind == "lost" and isinstance(caught.value, permits.EtcdError)

    permit.release()
    assert (permit.count, permit.lost()) == (0, False)
    wait_until(lambda: counts(sem) == (2, 0, 0), SOON)


def test_lost_permit_can_be_neither_split_merged_nor_forgotten(lost):
    sem, permit = lost
    with sem.permit() as another:
        for act in (permit.split, lambda: permit.merge(another), lambda: another.merge(permit)):
            with pytest.raises(permits.LostError):
                act()
        assert (permit.count, another.count) == (2, 1)
    with pytest.raises(permits.LostError):
        permit.forget()

    wait_until(lambda: counts(sem) == (2, 0, 0), SOON)


@pytest.mark.parametrize("block", ["permit", "semaphore"])
def test_block_that_loses_its_permit_says_so_unless_it_raises_itself(own_server, block):
    sem = permits.connect(own_server.address("block"), 2, ttl=5)

    def lose(raises=None):
        # Lost in the same instant as that of the block: their lease ends.
        witness = sem.permit()
        with sem.permit() if block == "permit" else sem:
            own_server.stop()
            wait_until(witness.lost, SOON)
            own_server.go_on()
            if raises:
                raise raises

    with pytest.raises(permits.LostError):
        lose()
    with pytest.raises(ZeroDivisionError):
        lose(ZeroDivisionError())


def test_permit_is_lost_before_its_lease_ends_when_the_server_stops(own_server):
    sem = permits.connect(own_server.address("stops"), 1, ttl=2)
    permit = sem.permit()

    own_server.stop()
    wait_until(permit.lost, SOON)

    assert permit.remaining == 0
    own_server.go_on()
    with pytest.raises(permits.LostError):
        permit.release()


def test_permit_of_a_killed_process_comes_back_with_its_lease(opened, address):
    sem = opened(1, ttl=600)
    process = start_script(
        """
        import permits
        sem = permits.connect(sys.argv[1], ttl=5)
        permit = sem.permit()
        print("holds")
        time.sleep(600)
        """,
        address,
    )
    try:
        assert process.stdout.readline() == "holds\n", process.stderr.read()
        assert counts(sem) == (0, 1, 0)
    finally:
        process.kill()
        process.communicate()

    assert sem.permit(timeout=SOON).count == 1
