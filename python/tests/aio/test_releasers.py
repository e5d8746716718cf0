"""Callbacks of the loop, threads and signal handlers may release."""

from __future__ import annotations

import asyncio
import signal

import pytest

import permits
from aio.conftest import by_door, full, queued
from helpers_async import DEADLINE, background, eventually, in_loop, python

pytestmark = pytest.mark.timeout(30)


@by_door
@pytest.mark.parametrize("way", ["call_soon", "call_later", "call_at"])
@in_loop
async def test_a_callback_of_the_loop_may_release(door, way):
    sem = await full(door)
    loop = asyncio.get_running_loop()
    (task,) = await queued(sem, 1)

    if way == "call_soon":
        loop.call_soon(sem.release)
    elif way == "call_later":
        loop.call_later(0.001, sem.release)
    else:
        loop.call_at(loop.time() + 0.001, sem.release)

    assert await asyncio.wait_for(task, DEADLINE) is True


@by_door
@in_loop
async def test_a_done_callback_of_a_task_may_release(door):
    sem = await full(door)
    first, second = await queued(sem, 2)
    first.add_done_callback(lambda _: sem.release())

    sem.release()

    assert await asyncio.wait_for(second, DEADLINE) is True


def test_a_thread_wakes_a_loop_that_sleeps():
    sem = permits.aio.Semaphore(0)

    async def main():
        releaser = background(lambda: eventually(lambda: sem.waiting == 1) and sem.release())
        # No timer is due, so the loop sleeps until it is woken.
        took = await sem.acquire()
        releaser.result(DEADLINE)
        return took

    assert asyncio.run(main()) is True


@by_door
@in_loop
async def test_a_signal_handler_of_the_loop_may_release(door):
    sem = await full(door)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, sem.release)
    (task,) = await queued(sem, 1)

    signal.raise_signal(signal.SIGUSR1)

    try:
        assert await asyncio.wait_for(task, DEADLINE) is True
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


SIGNAL_WHILE_ASLEEP = """
import asyncio, os, signal, sys, threading, time
import permits

sem = permits.aio.Semaphore(0)
signal.signal(signal.SIGUSR1, lambda *_: sem.release())

def state(pid):
    # "S": it sleeps, in select, as nothing else in the loop waits.
    with open(f"/proc/self/task/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]

def asleep(seen, pid=os.getpid()):
    return sem.waiting == 1 and state(pid) == "S"

def fire():
    # Asleep in several looks on end, so it is in `select` and not in a wait for the GIL.
    seen = 0
    while seen < 20:
        seen = seen + 1 if asleep(seen) else 0
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)

async def main():
    threading.Thread(target=fire, daemon=True).start()
    # No timer is due: nothing but the release can wake the loop.
    return await sem.acquire()

print(asyncio.run(main()))
"""


def test_a_python_signal_handler_may_release_while_the_loop_sleeps():
    assert python(SIGNAL_WHILE_ASLEEP) == "True\n"


INTERRUPTED = """
import asyncio, os, signal, threading, time
import permits

sem = permits.aio.Semaphore(0)

def fire():
    while sem.waiting < 3:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

async def main():
    threading.Thread(target=fire, daemon=True).start()
    await asyncio.gather(*(sem.acquire() for _ in range(3)))

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sem.release()
    print("interrupted", sem.waiting, sem.available)
"""


def test_ctrl_c_ends_asyncio_run_and_leaves_no_waiter():
    assert python(INTERRUPTED) == "interrupted 0 1\n"
