"""The end of the interpreter while threads tell tasks to go on: it neither aborts nor hangs, and exit handlers may still wait."""

from __future__ import annotations

import inspect

import pytest

from conftest import finish_script, run_script, start_script

# Each of these ended with SIGABRT in some of its runs.
RUNS = 10

# Before CPython 3.12, a daemon thread that looks at the interpreter after its end, while the process still runs the exit
# handlers of C libraries, reads freed memory (python/cpython issue 110052). Those of OpenSSL take longest, so it is left out.
DAEMONS = """
    sys.modules["ssl"] = None
    import asyncio, permits
    sem = permits.Semaphore(0)

    def loop():
        async def main():
            await asyncio.gather(*[asyncio.ensure_future(sem.acquire_async()) for _ in range(3000)])
        asyncio.run(main())

    def release():
        while True:
            sem.release()

    threading.Thread(target=loop, daemon=True).start()
    wait_until(lambda: sem.waiting == 3000)
    for _ in range(3):
        threading.Thread(target=release, daemon=True).start()
    wait_until(lambda: sem.waiting < 3000)
    print("ends")
"""

# No thread but the main one, and the bell of the host's semaphore: what its last await was told by.
HOST = """
    import asyncio, permits
    sem = permits.HostSemaphore("of the test", 1, directory=sys.argv[1])
    held = sem.permit()

    async def main():
        asyncio.get_running_loop().call_later(0.001, held.release)
        async with sem:
            pass

    asyncio.run(main())
    print("ends")
"""


@pytest.mark.parametrize(
    "program",
    [DAEMONS, HOST],
    ids=["daemons", "bell of a host's semaphore"],
)
def test_interpreter_that_ends_while_tasks_are_told_ends_well(program, tmp_path):
    # Two at a time. Each has a host's semaphore of its own.
    for turn in range(0, RUNS, 2):
        programs = []
        for run in (turn, turn + 1):
            directory = tmp_path / str(run)
            directory.mkdir(mode=0o700)
            programs.append(start_script(program, directory))
        assert [finish_script(process) for process in programs] == ["ends\n"] * 2, turn


# Each of them awaits what is told from elsewhere than a task of its loop. They are run by what follows.
AWAITS_THE_HOST = """
    def awaits():
        import asyncio, permits
        sem = permits.HostSemaphore("of the test", 1, directory=sys.argv[1])
        held = sem.permit()

        async def main():
            asyncio.get_running_loop().call_later(0.001, held.release)
            async with sem:
                return "told"

        return asyncio.run(asyncio.wait_for(main(), 10))
"""

AWAITS_A_THREAD = """
    def release(sem, held):
        wait_until(lambda: sem.waiting == 1)
        held.release()

    def awaits():
        import asyncio, permits
        sem = permits.CountSemaphore(1)
        held = sem.permit()

        async def main():
            async with sem:
                return "told"

        # Not started here: the interpreter that ends starts no threads any more.
        work.append((sem, held))
        return asyncio.run(asyncio.wait_for(main(), 10))

    work = []

    def worker():
        wait_until(lambda: work, 60)
        release(*work.pop())

    threading.Thread(target=worker, daemon=True).start()
"""

from_elsewhere = pytest.mark.parametrize("awaits", [AWAITS_THE_HOST, AWAITS_A_THREAD], ids=["bell", "thread"])


def together(*parts):
    return "\n".join(map(inspect.cleandoc, parts))


@from_elsewhere
def test_exit_handler_that_was_there_before_the_import_may_await(awaits, tmp_path):
    before_the_import = """
        import atexit
        atexit.register(lambda: print(awaits()))
        import permits
        print("ends")
    """

    assert run_script(together(awaits, before_the_import), tmp_path) == "ends\ntold\n"


@from_elsewhere
def test_program_that_runs_its_exit_handlers_early_goes_on(awaits, tmp_path):
    early = """
        import atexit, permits
        atexit._run_exitfuncs()
        print(awaits())
    """

    assert run_script(together(awaits, early), tmp_path) == "told\n"
