"""What the tests of `HostSemaphore` share: a directory, other processes, readings that add up."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading

import pytest

import permits
from helpers_async import DEADLINE, TESTS, background, child_environment, eventually
from permits import HostSemaphore

NAME = "build"

# Of the tests that start processes: some of them want to fork while threads run.
may_fork = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def directory(tmp_path):
    """Where a test has its semaphores; nobody else may write to it."""
    path = tmp_path / "semaphores"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def opened(directory):
    """Opens the semaphore of the test."""

    def opens(max_permits=None, name=NAME, **options):
        return HostSemaphore(name, max_permits, directory=directory, **options)

    return opens


class Actor:
    """Another process: see `host_actor.py`."""

    def __init__(self, directory, name=NAME):
        script = os.path.join(TESTS, "host", "host_actor.py")
        self.process = subprocess.Popen(
            [sys.executable, script, os.fspath(directory), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=child_environment(),
        )
        self._heard = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self.hear() == "ready"

    def _listen(self):
        for line in self.process.stdout:
            self._heard.put(line.strip())

    def hear(self):
        return self._heard.get(timeout=DEADLINE)

    def silent(self):
        return self._heard.empty()

    def tell(self, order):
        self.process.stdin.write(order + "\n")

    def ask(self, order):
        self.tell(order)
        return self.hear()

    def waits(self, order, sem):
        """Tells it to do what has to wait, and returns when it does."""
        before = sem.waiting
        self.tell(order)
        assert eventually(lambda: sem.waiting == before + 1), f"{order} does not wait: {sem.state()}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self._listener.join(DEADLINE)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def actor(directory):
    """Starts other processes, and ends them with the test."""
    started = []

    def starts(name=NAME):
        started.append(Actor(directory, name))
        return started[-1]

    yield starts
    for one in started:
        if not one.process.stdin.closed:
            try:
                one.end()
            except BrokenPipeError:
                pass


def counts(sem):
    """Free, held, loose; they have to add up."""
    state = sem.state()
    held = state.given_out - state.loose
    assert state.available + held + state.loose == state.max_permits, state
    return state.available, held, state.loose


def refused(kind, act, *args, **kwargs):
    """It is a HostError of that kind, whose text names something."""
    with pytest.raises(permits.HostError) as caught:
        act(*args, **kwargs)
    assert caught.value.kind == kind, caught.value
    assert "`" in str(caught.value)
    return str(caught.value)


def waiter_of_this_process(kind, sem):
    """A future of what waits here for a permit."""
    if kind == "thread":
        return background(sem.acquire)
    if kind == "permit":
        return background(lambda: sem.permit().count == 1)

    async def task():
        return await sem.acquire_async()

    return background(lambda: asyncio.run(task()))
