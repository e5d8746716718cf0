"""Runs CPython's own semaphore tests, unmodified, against the classes of `permits`.

    python cpython_suite.py [--against stdlib]

One line of JSON a test on stdout: [suite, name, outcome, details, private attributes]. Each test runs in a fork of its
own with a limit of time, so one that hangs or crashes is an outcome and takes no other along. Outcomes: passed, failed,
skipped, hangs, crashed. Without a `test` package the only line is ["", "", "no test package", why].
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import select
import signal
import sys
import time
import unittest
import warnings

LIMIT = 15.0


def suites(stdlib=False):
    """The test classes by the name of their suite."""
    import asyncio
    import threading

    lock_tests = importlib.import_module("test.lock_tests")
    test_locks = importlib.import_module("test.test_asyncio.test_locks")

    if stdlib:
        semaphore, bounded = threading.Semaphore, threading.BoundedSemaphore
    else:
        import permits

        semaphore, bounded = permits.Semaphore, permits.BoundedSemaphore
        # `test_locks` looks both up at the time of the call.
        asyncio.Semaphore, asyncio.BoundedSemaphore = permits.aio.Semaphore, permits.aio.BoundedSemaphore

    # As `test_threading.py` does it.
    class SemaphoreTests(lock_tests.SemaphoreTests):
        semtype = staticmethod(semaphore)

    class BoundedSemaphoreTests(lock_tests.BoundedSemaphoreTests):
        semtype = staticmethod(bounded)

    return {"semaphore": SemaphoreTests, "bounded": BoundedSemaphoreTests, "asyncio": test_locks.SemaphoreTests}


def outcome(cls, name):
    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        cls(name).run(result)
    for said, cases in [("failed", result.errors + result.failures), ("skipped", result.skipped)]:
        if cases:
            return said, cases[0][1]
    return ("passed", "") if result.testsRun == 1 else ("failed", "it did not run")


def isolated(cls, name):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as out:
                json.dump(outcome(cls, name), out)
        finally:
            os._exit(0)
    os.close(writing)
    end, said = time.monotonic() + LIMIT, b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
            part = pipe.read(65536)
            if not part:
                break
            said += part
        else:
            os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if said:
        return json.loads(said)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return ("hangs", f"for {LIMIT} s") if number == signal.SIGKILL else ("crashed", signal.Signals(number).name)
    return "crashed", f"status {status}"


def private_attributes(cls, name):
    """What the test reads or writes of asyncio's class that is not public."""
    return sorted(set(re.findall(r"\bsem\.(_[a-z]\w*)", inspect.getsource(getattr(cls, name)))))


def main():
    try:
        found = suites(stdlib=sys.argv[1:] == ["--against", "stdlib"])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "test":
            raise
        print(json.dumps(["", "", "no test package", str(error)]))
        return
    for suite, cls in found.items():
        for name in unittest.TestLoader().getTestCaseNames(cls):
            said, details = isolated(cls, name)
            private = private_attributes(cls, name) if suite == "asyncio" else []
            print(json.dumps([suite, name, said, details, private]), flush=True)


if __name__ == "__main__":
    main()
