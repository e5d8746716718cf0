"""Removing a semaphore: refused while it is in use, told to whoever has it open, and its name is free."""

from __future__ import annotations

import os

import pytest

from helpers_async import DEADLINE, eventually
from host.conftest import refused, waiter_of_this_process
from permits import HostError, HostSemaphore


def test_an_idle_one_is_removed_and_its_name_is_free(opened, directory):
    sem, other = opened(2), opened()
    with sem:
        pass

    assert sem.unlink() is None

    assert os.listdir(directory) == []
    refused("gone", sem.acquire)
    refused("gone", other.acquire)
    refused("gone", sem.unlink)
    refused("not-found", opened)
    assert opened(5).available == 5


def test_one_in_use_is_not_removed_and_the_error_tells_the_counts(opened):
    sem = opened(2)
    sem.acquire()
    with sem:
        waiter = waiter_of_this_process("thread", sem)
        assert eventually(lambda: sem.waiting == 1)
        said = refused("in-use", sem.unlink)
        refused("in-use", sem.unlink, force=False)

    assert "`1` held, `1` loose, `1` waiting to acquire" in said
    assert waiter.result(DEADLINE)
    sem.release(2)
    sem.unlink()


def test_what_a_killed_process_held_does_not_count(opened, actor):
    sem = opened(1)
    holder = actor()
    assert holder.ask("permit") == "got 1"
    refused("in-use", sem.unlink)

    holder.kill()

    sem.unlink()


@pytest.mark.parametrize("kind", ["thread", "permit", "task"])
def test_by_force_a_waiter_is_told_and_a_permit_goes_back_in_peace(opened, kind):
    sem = opened(1)
    with sem.permit():
        waiter = waiter_of_this_process(kind, sem)
        assert eventually(lambda: sem.waiting == 1)

        sem.unlink(force=True)

        with pytest.raises(HostError) as caught:
            waiter.result(DEADLINE)
        assert caught.value.kind == "gone"
        assert opened(1).available == 1
    assert opened().available == 1


def test_one_that_was_never_opened_cannot_be_removed():
    class Unopened(HostSemaphore):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError):
        Unopened().unlink()
