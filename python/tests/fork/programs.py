"""Programs that fork, and the semaphores that they fork with."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from conftest import HANG, run_script

# `in_child(function)` forks, runs it in the child, and fails with the child's traceback. A child that hangs is ended by its alarm.
FORK = """
    import traceback

    import permits

    def start_child(function):
        pid = os.fork()
        if pid:
            return pid
        signal.alarm(15)
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def in_child(function):
        _, status = os.waitpid(start_child(function), 0)
        assert status == 0, "the child ended with " + repr(status)
"""

CLASSES = ["permits.CountSemaphore(3)", "permits.CountSemaphore(3, fair=True)", "permits.Semaphore(3)", "permits.BoundedSemaphore(3)"]
every_class = pytest.mark.parametrize("new", CLASSES)


def run(source, *arguments, before="pass", limit=HANG):
    """Runs a program that has `start_child` and `in_child`; and `before` is run before it imports permits."""
    return run_script("\n".join(map(cleandoc, (before, FORK, source))), *arguments, limit=limit)
