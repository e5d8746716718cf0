"""What the tests share: waiting for a reading, threads that hand their exception on, scripts in an interpreter of their own."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# A shell's background jobs ignore SIGINT, and so would the programs that the tests start: no Ctrl-C would reach them.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Long enough for a loaded machine: a test that reaches it has found a hang.
HANG = 20.0


def wait_until(condition, limit=20.0):
    """Polls `condition` until it holds, and fails if it does not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("this did not come about in time: " + repr(condition))
        time.sleep(0.0002)


class Running:
    """A thread that has been started. `result` waits for it, and returns or raises what its function did."""

    def __init__(self, function, args, kwargs):
        self._call = (function, args, kwargs)
        self._value = None
        self._error = None
        # A daemon: what hangs fails its own test, and does not keep the interpreter from ending.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        function, args, kwargs = self._call
        del self._call
        try:
            self._value = function(*args, **kwargs)
        except BaseException as error:
            self._error = error

    def is_done(self):
        return not self.thread.is_alive()

    def result(self, limit=20.0):
        self.thread.join(limit)
        if self.thread.is_alive():
            raise AssertionError("a thread hangs")
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._value


def in_thread(function, *args, **kwargs):
    """Starts `function(*args, **kwargs)` in a thread."""
    return Running(function, args, kwargs)


def run_in_threads(*functions):
    """Runs every function in a thread of its own, and returns their results."""
    return [running.result() for running in [in_thread(function) for function in functions]]


# The scripts get the same helpers: theirs is an interpreter without pytest.
PRELUDE = "\n".join(
    ["import os, signal, sys, threading, time"]
    + [inspect.getsource(helper) for helper in (wait_until, Running, in_thread, run_in_threads)]
)


def start_script(source, *arguments):
    """Starts a Python program that has the helpers above. A warning is an error in it, but for the one about `os.fork` and threads."""
    quiet = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    return subprocess.Popen(
        [sys.executable, "-u", "-X", "faulthandler", *quiet, "-c", PRELUDE + "\n" + inspect.cleandoc(source), *map(str, arguments)],
        # Not where the package's sources are: a script imports what is installed.
        cwd=Path(__file__).parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish_script(process, limit=HANG):
    """Waits for a program, and returns what it printed. It must end well and say nothing on its error output."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        # Where every thread stands, by faulthandler.
        process.kill()
        out, err = process.communicate()
        raise AssertionError("the program hangs\n--- output\n" + out + "--- errors\n" + err) from None
    finally:
        process.stdout.close()
        process.stderr.close()
    assert (process.returncode, err) == (0, ""), "output: " + out + "\nerrors: " + err
    return out


def run_script(source, *arguments, limit=HANG):
    """Runs a Python program to its end, and returns what it printed."""
    return finish_script(start_script(source, *arguments), limit)
