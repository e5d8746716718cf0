"""`HostSemaphore`: one semaphore for the processes of this host, that may die at any moment."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import queue
import random
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

import permits
from helpers_async import (
    DEADLINE,
    TESTS,
    LoopThread,
    background,
    child_environment,
    eventually,
    in_loop,
    python,
    settled,
    turns,
)
from permits import HostSemaphore

pytestmark = [
    pytest.mark.timeout(60),
    # Which the tests of fork want to be.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

NAME = "build"

by_start = pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])


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
        script = os.path.join(TESTS, "host_actor.py")
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


# One process: what it has in common with CountSemaphore


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


def test_both_verbs_try_and_time_out(opened):
    sem = opened(1)

    assert sem.release(blocking=False) is False
    assert sem.release(timeout=0.01) is False
    assert sem.acquire(False) is True
    assert sem.acquire(False) is False
    began = time.monotonic()
    assert sem.acquire(timeout=0.1) is False
    assert time.monotonic() - began >= 0.1
    with pytest.raises(permits.WouldBlockError):
        sem.permit(blocking=False)
    with pytest.raises(permits.WaitTimeoutError):
        sem.permit(timeout=0.01)
    assert counts(sem) == (0, 0, 1)
    assert sem.waiting == 0


def test_with_and_permits_hold(opened):
    sem = opened(3)

    with sem:
        assert counts(sem) == (2, 1, 0)
        assert sem.release(blocking=False) is False
        with sem.permit(2) as permit:
            assert (permit.count, counts(sem)) == (2, (0, 3, 0))
    assert counts(sem) == (3, 0, 0)

    permit = sem.permit(3)
    part = permit.split(2)
    permit.release()
    assert counts(sem) == (1, 2, 0)
    part.forget()
    assert counts(sem) == (1, 0, 2)
    sem.release(2)
    assert counts(sem) == (3, 0, 0)


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


def test_a_dropped_permit_returns(opened):
    sem = opened(1)
    permit = sem.permit()
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 1)

    del permit
    gc.collect()

    assert waits.result(DEADLINE) is True


def test_threads_of_one_process_are_limited_to_max(opened):
    sem, guard = opened(2), threading.Lock()
    inside = most = 0

    def worker():
        nonlocal inside, most
        for _ in range(30):
            with sem:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0)
                with guard:
                    inside -= 1

    for done in [background(worker) for _ in range(6)]:
        done.result(DEADLINE)

    assert most <= 2
    assert counts(sem) == (2, 0, 0)


@in_loop
async def test_tasks_wait_in_both_queues(directory):
    sem = HostSemaphore(NAME, 1, directory=directory)
    release = asyncio.ensure_future(sem.release_async())
    assert await settled(lambda: sem.waiting_releasers == 1)
    assert await sem.acquire_async() is True
    assert await release is True

    async with sem.permit_async() as permit:
        waits = asyncio.ensure_future(sem.acquire_async())
        assert await settled(lambda: sem.waiting_acquirers == 1)
        assert (permit.count, sem.loose) == (1, 0)
    assert await waits is True
    sem.release()
    async with sem as got:
        assert counts(sem) == (0, 1, 0)

    assert got is None
    assert counts(sem) == (1, 0, 0)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_cancelled_task_leaves_no_trace(directory, what):
    sem = HostSemaphore(NAME, 1, directory=directory)
    if what != "release_async":
        sem.acquire()
    before = sem.state()
    tasks = [asyncio.ensure_future(getattr(sem, what)()) for _ in range(3)]
    assert await settled(lambda: sem.waiting == 3)

    for task in tasks[1], tasks[0], tasks[2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert all(task.cancelled() for task in tasks)
    assert sem.state() == before
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(getattr(sem, what)(), 0.005)
    assert sem.state() == before


@in_loop
async def test_a_granted_task_that_is_cancelled_passes_its_grant_on(directory):
    sem = HostSemaphore(NAME, 1, directory=directory)
    sem.acquire()
    first, second = (asyncio.ensure_future(sem.acquire_async()) for _ in range(2))
    assert await settled(lambda: sem.waiting == 2)

    sem.release()
    first.cancel()

    assert await asyncio.wait_for(second, DEADLINE) is True
    assert first.cancelled()
    assert counts(sem) == (0, 0, 1) and sem.waiting == 0


def test_threads_and_loops_are_served_in_the_order_of_their_coming(opened):
    sem, got = opened(1), []
    sem.acquire()

    def thread(number):
        with sem:
            got.append(number)

    async def task(number):
        async with sem:
            got.append(number)

    with LoopThread() as one, LoopThread() as other:
        done = []
        for number in range(15):
            way = number % 3
            done.append(background(thread, number) if way == 0 else (one if way == 1 else other).submit(task(number)))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(15))


def test_a_closed_loop_passes_its_grants_on(opened):
    sem = opened(1)
    sem.acquire()
    dead = asyncio.new_event_loop()
    dead.set_exception_handler(lambda *_: None)
    lost = dead.create_task(sem.acquire_async())
    dead.run_until_complete(turns(3))
    assert eventually(lambda: sem.waiting == 1)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    dead.close()

    sem.release()

    assert waits.result(DEADLINE) is True
    assert not lost.done()


# What is refused


@pytest.mark.parametrize("name", ["", ".hidden", "-dash", "a/b", "..", "new\nline", "nul\0", "x" * 201])
def test_a_bad_name_is_refused(opened, directory, name):
    with pytest.raises(ValueError, match="cannot be a semaphore's name"):
        opened(1, name=name)

    assert os.listdir(directory) == []


@pytest.mark.parametrize("name", [None, 1, b"bytes"])
def test_a_name_that_is_no_text_is_refused(opened, name):
    with pytest.raises(TypeError):
        opened(1, name=name)


@pytest.mark.parametrize("max_permits", [0, -1, permits.MAX_PERMITS + 1, 2**70])
def test_a_max_out_of_range_is_refused_naming_both_numbers(opened, directory, max_permits):
    with pytest.raises(ValueError) as caught:
        opened(max_permits)

    assert f"`{max_permits}`" in str(caught.value) and "`4194303`" in str(caught.value)
    assert os.listdir(directory) == []


@pytest.mark.parametrize("max_permits", [1.5, "1"])
def test_a_max_that_is_no_integer_is_refused(opened, max_permits):
    with pytest.raises(TypeError):
        opened(max_permits)


def test_another_max_than_it_has_is_refused_naming_both(opened):
    sem = opened(2)

    said = refused("max-differs", opened, 3)

    assert "`2`" in said and "`3`" in said
    assert sem.max_permits == 2


def test_resize_true_resizes_what_has_another_max(opened):
    sem = opened(2)

    opened(5, resize=True)

    assert (sem.max_permits, sem.available) == (5, 5)


def test_without_max_one_that_exists_is_opened_and_none_is_made(opened, directory):
    said = refused("not-found", opened)
    assert NAME in said and os.listdir(directory) == []

    opened(7)

    assert opened().max_permits == 7


def test_a_directory_that_others_may_write_to_is_refused(opened, directory):
    directory.chmod(0o777)

    said = refused("insecure", opened, 1)

    assert str(directory) in said
    directory.chmod(0o700)
    assert opened(1).available == 1


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    refused("insecure", HostSemaphore, NAME, 1, directory=tmp_path / "file")


def test_a_directory_without_a_parent_is_refused(tmp_path):
    refused("not-found", HostSemaphore, NAME, 1, directory=tmp_path / "none" / "below")


@pytest.mark.parametrize("damage", ["empty", "short", "random"])
def test_a_damaged_file_is_refused_and_what_is_wrong_is_told(opened, damage):
    path = opened(1).path
    gc.collect()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        if damage == "random":
            file.write(random.Random(5).randbytes(size))
        else:
            file.truncate(0 if damage == "empty" else size // 2)

    said = refused("damaged", opened, 1)

    assert said.startswith(f"semaphore `{NAME}`: it is damaged: ")


def test_a_symbolic_link_in_the_place_of_the_file_is_refused(opened, directory):
    path = opened(1).path
    gc.collect()
    os.rename(path, directory / "moved")
    os.symlink(directory / "moved", path)

    refused("insecure", opened, 1)


@pytest.mark.parametrize("act", ["acquire", "permit", "release"])
def test_a_waiter_is_told_when_the_file_is_gone(opened, act):
    sem = opened(1)
    if act != "release":
        sem.acquire()
    waits = background(getattr(sem, act))
    assert eventually(lambda: sem.waiting == 1)

    os.unlink(sem.path)

    error = waits.exception(DEADLINE)
    assert isinstance(error, permits.HostError) and error.kind == "gone", error


def test_numbers_that_cannot_be_are_refused_and_change_nothing(opened):
    sem = opened(2)
    sem.acquire()

    for act in sem.acquire, sem.release, sem.permit:
        with pytest.raises(permits.TooManyError, match="3.*2"):
            act(3)
        with pytest.raises(ValueError):
            act(-1)
        with pytest.raises(TypeError):
            act(1.5)
        with pytest.raises(ValueError):
            act(1, float("nan"))

    assert counts(sem) == (1, 0, 1) and sem.waiting == 0
    assert sem.acquire(0) is True and sem.release(0) is True


def test_its_errors_pickle(opened):
    with pytest.raises(permits.HostError) as caught:
        opened()

    copy = pickle.loads(pickle.dumps(caught.value))

    assert (type(copy), copy.kind, str(copy)) == (permits.HostError, "not-found", str(caught.value))


# Several processes


def test_a_release_waits_across_processes(opened, actor):
    sem = opened(1)
    waits = background(sem.release)
    assert eventually(lambda: sem.waiting_releasers == 1)

    assert actor().ask("acquire") == "got True"

    assert waits.result(DEADLINE) is True
    assert counts(sem) == (1, 0, 0)


def test_a_release_of_another_process_returns_what_this_one_took(opened, actor):
    sem = opened(2)
    sem.acquire(2)
    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting_acquirers == 1)

    assert actor().ask("release 2") == "got True"

    assert waits.result(DEADLINE) is True
    assert counts(sem) == (1, 0, 1)


def test_processes_threads_and_tasks_are_served_in_the_order_of_their_coming(opened, actor):
    sem = opened(1)
    sem.acquire()
    first, second = actor(), actor()

    first.waits("acquire", sem)
    thread = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    second.waits("acquire-async", sem)
    with LoopThread() as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 4)
        order = [first.hear, lambda: thread.result(DEADLINE), second.hear, lambda: task.result(DEADLINE)]
        for number, served in enumerate(order):
            sem.release()
            assert served() in ("got True", True)
            assert sem.waiting == 3 - number

    assert counts(sem) == (0, 0, 1)


def test_close_wakes_the_waiters_of_other_processes(opened, actor):
    sem = opened(1)
    sem.acquire()
    one, other = actor(), actor()
    one.waits("acquire", sem)
    other.waits("permit-async", sem)

    sem.close()

    assert [one.hear(), other.hear()] == ["ClosedError"] * 2
    assert sem.closed and opened().closed
    assert actor().ask("acquire") == "ClosedError"
    assert sem.release() is True


def test_a_resize_is_for_all_processes(opened, actor):
    sem = opened(1)
    sem.acquire()
    other = actor()
    other.waits("permit", sem)

    sem.resize(3)

    assert other.hear() == "got 1"
    assert counts(opened(3)) == (1, 1, 1)
    other.waits("acquire 3", sem)
    sem.shrink(1)
    assert other.hear() == "TooManyError"


# Death


HOLDS = ["with", "permit", "permit-async"]


def waiter_of_this_process(kind, sem):
    """A future of what waits here for a permit."""
    if kind == "thread":
        return background(sem.acquire)
    if kind == "permit":
        return background(lambda: sem.permit().count == 1)

    async def task():
        return await sem.acquire_async()

    return background(lambda: asyncio.run(task()))


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


# Handles


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


# Pickle, fork, multiprocessing


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_handle_opens_the_same_semaphore(opened, protocol):
    sem = opened(3, label="one of many")
    sem.acquire()

    copy = pickle.loads(pickle.dumps(sem, protocol))

    assert (copy.name, copy.path, copy.max_permits, copy.available) == (sem.name, sem.path, 3, 2)
    assert copy.release() is True
    assert counts(sem) == (3, 0, 0)


def test_a_handle_is_pickled_whatever_its_semaphore_was_resized_to(opened):
    sem = opened(3)
    sem.resize(5)

    assert pickle.loads(pickle.dumps(sem)).max_permits == 5


def test_the_pickle_of_a_semaphore_that_is_gone_is_an_error(opened):
    sem = opened(1)
    pickled = pickle.dumps(sem)
    os.unlink(sem.path)

    refused("not-found", pickle.loads, pickled)


def test_permits_do_not_pickle(opened):
    permit = opened(1).permit()

    with pytest.raises(TypeError):
        pickle.dumps(permit)

    assert permit.count == 1


@pytest.fixture
def workers():
    """Starts processes of multiprocessing, and ends with the test those that are left."""
    started = []

    def starts(context, target, *args):
        process = context.Process(target=target, args=args, daemon=True)
        process.start()
        started.append(process)
        return process

    yield starts
    for process in started:
        process.kill()
        process.join(DEADLINE)


def works(sem, start, inside, most, rounds):
    """What a worker does; `inside` and `most` are numbers that all workers share."""
    start.wait(30)
    for _ in range(rounds):
        with sem:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            time.sleep(0.001)
            with inside.get_lock():
                inside.value -= 1


@by_start
def test_the_workers_of_multiprocessing_are_limited_to_max(opened, workers, start):
    context = multiprocessing.get_context(start)
    sem = opened(2)
    inside, most, together = context.Value("i", 0), context.Value("i", 0), context.Barrier(4)

    started = [workers(context, works, sem, together, inside, most, 15) for _ in range(4)]
    for worker in started:
        worker.join(30)

    assert [worker.exitcode for worker in started] == [0] * 4
    assert (inside.value, most.value) == (0, 2)
    assert counts(sem) == (2, 0, 0)


def holds_for_ever(sem, ready):
    with sem:
        ready.set()
        time.sleep(60)


def waits_and_says(sem, outcome):
    sem.acquire()
    outcome.value = 1


@by_start
@pytest.mark.parametrize("waiter", ["thread", "task"])
def test_a_worker_killed_in_with_gives_its_permit_back(opened, workers, start, waiter):
    context = multiprocessing.get_context(start)
    sem, ready = opened(1), context.Event()
    worker = workers(context, holds_for_ever, sem, ready)
    assert ready.wait(30)
    assert counts(sem) == (0, 1, 0)
    waits = waiter_of_this_process(waiter, sem)
    assert eventually(lambda: sem.waiting == 1)

    worker.kill()

    assert waits.result(DEADLINE) is True
    worker.join(DEADLINE)
    assert worker.exitcode == -signal.SIGKILL
    assert counts(sem) == (0, 0, 1)


@by_start
def test_a_waiting_worker_that_is_killed_does_not_stop_the_queue(opened, workers, start):
    context = multiprocessing.get_context(start)
    sem = opened(1)
    sem.acquire()
    outcomes = [context.Value("i", 0) for _ in range(2)]
    started = []
    for number, outcome in enumerate(outcomes):
        started.append(workers(context, waits_and_says, sem, outcome))
        assert eventually(lambda: sem.waiting == number + 1, 30)

    started[0].kill()
    started[0].join(DEADLINE)
    sem.release()

    started[1].join(DEADLINE)
    assert started[1].exitcode == 0
    assert [outcome.value for outcome in outcomes] == [0, 1]


def pooled(sem, number):
    with sem:
        return number, sem.given_out


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_pool_takes_the_handle_as_an_argument(opened, start):
    sem = opened(2)

    # Its end terminates what hangs, which that of a ProcessPoolExecutor waits for.
    with multiprocessing.get_context(start).Pool(3) as pool:
        results = [done.get(30) for done in [pool.apply_async(pooled, (sem, number)) for number in range(12)]]

    assert [number for number, _ in results] == list(range(12))
    assert max(out for _, out in results) <= 2
    assert counts(sem) == (2, 0, 0)


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


# Ctrl-C, and the end of the interpreter

INTERRUPTED = """
import os, signal, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
act = sys.argv[3]

def fire():
    while sem.waiting == 0:
        time.sleep(0.001)
    fired.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

fired = []
threading.Thread(target=fire, daemon=True).start()
try:
    getattr(sem, act)(timeout=20) if len(sys.argv) > 4 else getattr(sem, act)()
    print("not interrupted")
except KeyboardInterrupt:
    # (A loaded machine takes its time.)
    print("interrupted", time.monotonic() - fired[0] < 1, sem.waiting)
"""


@pytest.mark.parametrize("timed", [[], ["timed"]], ids=["for ever", "with a timeout"])
@pytest.mark.parametrize("act", ["acquire", "release", "permit"])
def test_ctrl_c_interrupts_a_wait_and_leaves_no_waiter(opened, directory, act, timed):
    sem = opened(1)
    if act != "release":
        sem.acquire()
    before = sem.state()

    assert python(INTERRUPTED, NAME, directory, act, *timed) == "interrupted True 0\n"

    assert sem.state() == before


HANDLED = """
import os, signal, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))

def fire():
    while sem.waiting == 0:
        time.sleep(0.001)
    while len(seen) < 10:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.01)

threading.Thread(target=fire, daemon=True).start()
began = time.monotonic()
print(sem.acquire(timeout=0.5), time.monotonic() - began >= 0.5, len(seen) >= 10)
"""


def test_signal_handlers_run_during_a_wait_and_do_not_shorten_it(opened, directory):
    sem = opened(1)
    sem.acquire()

    assert python(HANDLED, NAME, directory) == "False True True\n"


ENDS = """
import asyncio, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
how = sys.argv[3]

def queued():
    while sem.waiting == 0:
        time.sleep(0.001)

if how == "thread":
    threading.Thread(target=sem.acquire, daemon=True).start()
    queued()
elif how == "permit":
    threading.Thread(target=sem.permit, daemon=True).start()
    queued()
elif how == "task":
    async def main():
        asyncio.ensure_future(sem.acquire_async())
        while sem.waiting == 0:
            await asyncio.sleep(0)
    asyncio.run(main())
elif how == "task of a loop that is left":
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(sem.acquire_async())
    loop.run_until_complete(asyncio.sleep(0.01))
    assert sem.waiting == 1
else:
    async def main():
        await sem.acquire_async()
    def run():
        asyncio.run(main())
    threading.Thread(target=run, daemon=True).start()
    queued()
print("ends")
"""


@pytest.mark.parametrize("how", ["thread", "permit", "task", "task of a loop that is left", "loop of a thread"])
def test_an_interpreter_that_ends_while_it_waits_ends_and_leaves_no_waiter(opened, directory, how):
    sem = opened(1)
    permit = sem.permit()

    assert python(ENDS, NAME, directory, how) == "ends\n"

    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting_acquirers >= 1)
    permit.release()
    assert waits.result(DEADLINE) is True
    assert eventually(lambda: sem.waiting == 0)
