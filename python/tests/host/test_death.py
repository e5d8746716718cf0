"""Processes that die: the permits they hold come back, and the queue goes on without them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from helpers_async import DEADLINE, TESTS, background, eventually
from host.conftest import NAME, counts, may_fork, waiter_of_this_process

pytestmark = may_fork

HOLDS = ["with", "permit", "permit-async"]


@pytest.mark.parametrize("waiter", ["thread", "permit", "task"])
@pytest.mark.parametrize("hold", HOLDS)
def test_a_killed_holder_gives_its_permit_back_to_who_waits(opened, actor, hold, waiter):
    sem = opened(1)
    holder = actor()
    assert holder.ask(hold).startswith("got")
    assert counts(sem) == (0, 1, 0)
    waits = waiter_of_this_process(waiter, sem)
    assert eventually(lambda: sem.waiting == 1)

    began = time.monotonic()
    holder.kill()

    assert waits.result(DEADLINE) is True
    # A quarter of a second at worst, and what a loaded machine adds.
    assert time.monotonic() - began < 3


def test_a_killed_holder_gives_its_permit_back_to_who_comes_later(opened, actor):
    sem = opened(2)
    holder = actor()
    assert holder.ask("permit 2") == "got 2"

    holder.kill()

    assert eventually(lambda: sem.acquire(2, blocking=False))
    assert counts(sem) == (0, 0, 2)


@pytest.mark.parametrize("way", ["exit", "_exit"])
def test_a_holder_that_ends_gives_its_permit_back(opened, actor, way):
    sem = opened(1)
    holder = actor()
    assert holder.ask("permit") == "got 1"

    holder.tell(way)

    assert sem.acquire(timeout=DEADLINE) is True
    assert holder.process.wait(DEADLINE) == 0


def test_loose_permits_outlive_their_taker(opened, actor):
    sem = opened(2)
    taker = actor()
    assert taker.ask("acquire") == "got True"
    assert taker.ask("permit") == "got 1"
    assert taker.ask("forget") == "forgotten"

    taker.kill()

    assert sem.acquire(timeout=0.3) is False
    assert counts(sem) == (0, 0, 2)
    assert sem.release(2) is True


@pytest.mark.parametrize("wait", ["acquire", "permit", "acquire-async"])
def test_a_killed_waiter_does_not_stop_the_queue(opened, actor, wait):
    sem = opened(1)
    permit = sem.permit()
    first, second = actor(), actor()
    first.waits(wait, sem)
    second.waits(wait, sem)

    first.kill()
    permit.release()

    assert second.hear() in ("got True", "got 1")
    assert eventually(lambda: sem.waiting == 0)


def test_a_killed_batch_at_the_head_lets_a_small_waiter_through(opened, actor):
    sem = opened(3)
    permit = sem.permit(2)
    batch = actor()
    batch.waits("acquire 3", sem)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)

    batch.kill()

    assert waits.result(DEADLINE) is True
    assert permit.count == 2 and counts(sem) == (0, 2, 1)


def test_a_killed_releaser_returns_nothing(opened, actor):
    sem = opened(1)
    releaser = actor()
    releaser.waits("release", sem)

    releaser.kill()
    assert sem.acquire(timeout=DEADLINE) is True

    assert sem.acquire(timeout=0.3) is False
    assert counts(sem) == (0, 0, 1)


def test_a_stopped_holder_keeps_its_permit(opened, actor):
    sem = opened(1)
    holder = actor()
    assert holder.ask("permit") == "got 1"

    holder.process.send_signal(signal.SIGSTOP)
    try:
        assert sem.acquire(timeout=0.5) is False
    finally:
        holder.process.send_signal(signal.SIGCONT)

    assert counts(sem) == (0, 1, 0)
    assert holder.ask("drop") == "dropped"
    assert sem.acquire(timeout=DEADLINE) is True


def test_a_child_that_the_holder_started_does_not_keep_the_permit(opened, directory):
    program = """
import subprocess, sys, permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
permit = sem.permit()
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False)
print(child.pid, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
    sem = opened(1)
    command = [sys.executable, "-c", program, NAME, str(directory)]
    holder = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, cwd=TESTS, check=False)
    child = int(holder.stdout)

    try:
        assert holder.returncode == -signal.SIGKILL
        assert sem.acquire(timeout=DEADLINE) is True
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
