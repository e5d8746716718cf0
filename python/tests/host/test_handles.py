"""Handles: what names them, where their files lie, and what is left when one is dropped."""

from __future__ import annotations

import gc
import os
import stat

import pytest

from helpers_async import DEADLINE, LoopThread, background, eventually
from host.conftest import NAME, counts
from permits import HostSemaphore


def test_two_handles_of_a_name_are_one_semaphore(opened):
    one, other = opened(2), opened(2)

    one.acquire()

    assert (other.available, other.loose, other.max_permits) == (1, 1, 2)
    assert other.release() is True
    assert counts(one) == (2, 0, 0)


def test_other_names_and_other_directories_are_other_semaphores(opened, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    one = opened(1)
    others = [opened(1, name="other"), HostSemaphore(NAME, 1, directory=str(elsewhere))]

    one.acquire()

    assert [other.available for other in others] == [1, 1]


def test_it_has_a_name_and_the_path_of_its_file(opened, directory):
    sem = opened(1)

    assert sem.name == NAME
    assert sem.path == str(directory / f"{NAME}.sem")
    assert os.path.exists(sem.path)


def test_the_directory_may_be_text_or_a_path_and_is_made_if_it_is_missing(tmp_path):
    missing = tmp_path / "new"

    one = HostSemaphore(NAME, 1, directory=str(missing))
    other = HostSemaphore(NAME, 1, directory=missing)
    one.acquire()

    assert other.available == 0
    assert stat.S_IMODE(missing.stat().st_mode) == 0o700


def test_the_file_has_the_mode_that_was_asked_for(opened):
    modes = [stat.S_IMODE(os.stat(sem.path).st_mode) for sem in (opened(1), opened(1, name="group", mode=0o660))]

    assert modes == [0o600, 0o660]


def test_permits_of_two_handles_of_one_semaphore_merge_and_others_do_not(opened):
    one, other, foreign = opened(3), opened(3), opened(1, name="foreign")
    permit, second, third = one.permit(), other.permit(), foreign.permit()

    permit.merge(second)
    with pytest.raises(ValueError):
        permit.merge(third)

    assert (permit.count, second.count, third.count) == (2, 0, 1)
    permit.release()
    third.release()
    assert counts(one) == (3, 0, 0) and counts(foreign) == (1, 0, 0)


def test_a_handle_that_is_dropped_leaves_the_waiters_of_others_alone(opened):
    sem, other = opened(1), opened(1)
    sem.acquire()
    waits = background(other.acquire)
    assert eventually(lambda: sem.waiting == 1)

    for _ in range(20):
        dropped = opened(1)
        assert dropped.waiting == 1
        del dropped
    gc.collect()
    assert not waits.done()
    sem.release()

    assert waits.result(DEADLINE) is True


def test_a_wait_outlives_the_last_name_of_its_handle(opened):
    sem = opened(1)
    sem.acquire()
    handle = opened(1)
    waits = background(handle.acquire)
    assert eventually(lambda: sem.waiting == 1)
    with LoopThread() as loop:
        task = loop.submit(handle.acquire_async())
        assert eventually(lambda: sem.waiting == 2)

        del handle
        gc.collect()
        sem.release()
        assert waits.result(DEADLINE) is True
        sem.release()
        assert task.result(DEADLINE) is True


def test_a_permit_outlives_the_last_name_of_its_handle(opened):
    sem = opened(1)
    handle = opened(1)
    permit = handle.permit()

    del handle
    gc.collect()
    assert counts(sem) == (0, 1, 0)
    permit.release()

    assert counts(sem) == (1, 0, 0)


def test_many_handles_and_permits_leave_no_descriptors_and_no_threads_behind(opened):
    sem = opened(4)
    with sem:
        pass
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(100):
        handle = opened(4)
        with handle.permit(2):
            pass
        del handle
    gc.collect()

    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)
    assert counts(sem) == (4, 0, 0)
