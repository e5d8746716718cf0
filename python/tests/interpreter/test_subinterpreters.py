"""Interpreters in an interpreter: the main one works, and others are refused."""

from __future__ import annotations

import sys

import pytest

from conftest import run_script

SUBINTERPRETERS = """
    import _xxsubinterpreters as interpreters

    IN_THERE = '''
    try:
        import permits
    except ImportError as error:
        print("refused:", error)
    '''

    def import_in_another():
        another = interpreters.create()
        interpreters.run_string(another, inspect.cleandoc(IN_THERE))
        interpreters.destroy(another)

    import inspect
    if sys.argv[1] == "before":
        import_in_another()
    import asyncio, permits
    if sys.argv[1] == "after":
        import_in_another()

    sem = permits.CountSemaphore(1)
    sem.acquire()

    async def main():
        threading.Thread(target=lambda: (wait_until(lambda: sem.waiting == 1), sem.release())).start()
        return await asyncio.wait_for(sem.acquire_async(), 10)

    assert asyncio.run(main()) is True
    sem.close()
    try:
        sem.acquire()
    except permits.ClosedError:
        print("the main one works")
"""


if sys.version_info < (3, 12):
    # From there on Python itself refuses it.

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_another_interpreter_is_refused_and_the_main_one_works(when):
        refused, works = run_script(SUBINTERPRETERS, when).splitlines()

        assert refused.startswith("refused: permits works in the main interpreter only")
        assert works == "the main one works"
