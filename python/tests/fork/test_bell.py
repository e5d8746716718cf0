"""A fork while a thread that is not Python's tells the tasks of a HostSemaphore."""

from __future__ import annotations

import os

from fork.programs import run
from host.conftest import directory, may_fork  # noqa: F401: a fixture

pytestmark = may_fork

# 10,000 by `PERMITS_BELL_FORKS=10000 pytest --timeout 0 fork/test_bell.py`. One child of some 400 to 1,500 hung when the two shared a lock.
FORKS = int(os.environ.get("PERMITS_BELL_FORKS", "300"))


def test_a_child_of_a_fork_while_the_bell_posts_lets_go_of_the_loop(directory):  # noqa: F811
    run(
        """
        import asyncio, warnings

        warnings.simplefilter("ignore")
        directory, forks = sys.argv[1], int(sys.argv[2])
        loop = asyncio.new_event_loop()
        began = threading.Event()

        async def worker(sem):
            while True:
                async with sem.permit_async():
                    began.set()
                    await asyncio.sleep(0)

        async def main():
            sems = [permits.HostSemaphore("a", 1, directory=directory) for _ in range(3)]
            await asyncio.gather(*[worker(sem) for sem in sems for _ in range(3)])

        threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True).start()
        assert began.wait(15)

        def let_go():
            # The loop's thread is not here. (Or it would refuse to be closed.)
            loop._thread_id = None
            loop.close()

        for _ in range(forks):
            in_child(let_go)
        os._exit(0)
        """,
        os.fspath(directory),
        str(FORKS),
        limit=60 + FORKS / 20,
    )
