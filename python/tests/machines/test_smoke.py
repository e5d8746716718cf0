"""On every interpreter: the calls of a semaphore of machines, once each, and what differs between versions."""

from __future__ import annotations

import asyncio

import permits
from conftest import run_script, wait_until
from machines.conftest import SOON, counts


def test_threads_and_tasks_take_and_return(opened):
    sem = opened(3, ttl=60)

    with sem, sem.permit(2) as permit:
        assert counts(sem) == (0, 3, 0)
        assert permit.token > 0 and not permit.lost() and 0 < permit.remaining <= 60
    wait_until(lambda: counts(sem) == (3, 0, 0), SOON)

    async def main():
        async with sem:
            assert await sem.acquire_async(2)
        assert await sem.release_async(2)

    asyncio.run(main())
    wait_until(lambda: counts(sem) == (3, 0, 0), SOON)
    assert type(sem) is permits.EtcdSemaphore


# Before 3.13 its forked workers end without `atexit`.
def test_end_of_a_worker_of_multiprocessing_gives_back_what_it_held(opened, address):
    sem = opened(2)
    out = run_script(
        """
        import multiprocessing, permits

        def work():
            global kept
            kept = permits.connect(sys.argv[1], ttl=600).permit()
            print(kept.count)

        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
        print(worker.exitcode)
        """,
        address,
        limit=SOON,
    )

    assert out == "1\n0\n"
    wait_until(lambda: counts(sem) == (2, 0, 0), SOON)
