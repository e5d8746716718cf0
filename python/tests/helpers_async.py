"""What the asyncio, mixed and process tests share: states are polled with a deadline, and never slept for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import subprocess
import sys
import threading
import time

TESTS = os.path.dirname(os.path.abspath(__file__))

# Nothing here takes as long unless something hangs.
DEADLINE = 10.0


def eventually(predicate, deadline=DEADLINE):
    """Polls from a thread until `predicate()` is true; what it said last otherwise."""
    end = time.monotonic() + deadline
    while not (said := predicate()):
        if time.monotonic() > end:
            return said
        time.sleep(0.0005)
    return said


async def settled(predicate, deadline=DEADLINE):
    """Polls from a task until `predicate()` is true, and lets the loop run meanwhile."""
    end = time.monotonic() + deadline
    while not (said := predicate()):
        if time.monotonic() > end:
            return said
        await asyncio.sleep(0)
    return said


async def turns(count):
    """Lets the loop run that many times."""
    for _ in range(count):
        await asyncio.sleep(0)


def in_loop(test):
    """An `async def` test, run by `asyncio.run` within the time that a test has."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        async def limited():
            return await asyncio.wait_for(test(*args, **kwargs), DEADLINE)

        return asyncio.run(limited())

    return run


def background(act, *args):
    """Runs `act` in a thread of its own, that a hang cannot keep the interpreter alive with; a future of its result."""
    done = concurrent.futures.Future()

    def run():
        try:
            done.set_result(act(*args))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done


def quiet(loop):
    """A loop whose destroyed tasks are reported to nobody."""
    loop.set_exception_handler(lambda *_: None)
    return loop


class LoopThread:
    """An event loop that runs in a thread of its own."""

    def __init__(self, new_loop=asyncio.new_event_loop, debug=False):
        self.loop = new_loop()
        self.loop.set_debug(debug)
        self.thread = None
        self.start()

    def start(self):
        running = threading.Event()
        self.loop.call_soon(running.set)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert running.wait(DEADLINE)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, coroutine):
        """A concurrent future of the coroutine, that runs as a task of this loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, act, *args):
        """Runs `act` as a callback of this loop, and waits for its result."""
        done = concurrent.futures.Future()

        def run():
            try:
                done.set_result(act(*args))
            except BaseException as error:
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(DEADLINE)

    def stop(self):
        """Ends the thread, and leaves the loop as it is: tasks go on to wait, and it may be started again."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.loop.is_closed():
            return
        if not self.thread.is_alive():
            self.start()

        async def cancel_all():
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.submit(cancel_all()).result(DEADLINE)
        self.stop()
        self.loop.close()


def python(program, *args, limit=30.0, **kwargs):
    """Runs a program in an interpreter of its own; its output, if it ended well and in time."""
    command = [sys.executable, "-X", "faulthandler", "-c", program, *map(str, args)]
    # The directory above has a `permits` of sources, without what is built.
    within = {"cwd": TESTS, "env": child_environment(), "timeout": limit, **kwargs}
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, **within)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"it hangs; its output: {error.stdout!r} {error.stderr!r}") from None
    assert ended.returncode == 0, f"it ended with {ended.returncode}: {ended.stdout}\n{ended.stderr}"
    return ended.stdout


def child_environment():
    """A child finds the modules of the tests too."""
    path = [TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
