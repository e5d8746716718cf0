"""p8: n wait, and are served by n releases."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from bench import Bench, Metric, Sample
from peers import TASKS, THREADS, Peer
from snippets import compiled, emptied, emptied_in_loop

WAITER = """
def run(s, told):
    ACQUIRE
    told.append(clock())
"""

RELEASES = """
def run(s, n):
    for _ in repeat(None, n):
        RELEASE
"""

METRICS = [Metric("until all have run", "us a waiter"), Metric("the releases alone", "us a release")]


def run(bench: Bench) -> None:
    free = [p for p in THREADS if not p.owned]
    for n in bench.pick((100, 400), (50,)):
        bench.cell("p8", f"threads={n}", METRICS, free, lambda peer, n=n: _threads(peer, n))
    free = [p for p in TASKS if not p.owned]
    for n in bench.pick((1000, 10_000), (500,)):
        bench.cell("p8", f"tasks={n}", METRICS, free, lambda peer, n=n: asyncio.run(_tasks(peer, n)))


def _threads(peer: Peer, n: int) -> Sample:
    s, told = emptied(peer, n), []
    threads = [threading.Thread(target=compiled(WAITER, peer), args=(s, told)) for _ in range(n)]
    for thread in threads:
        thread.start()
    _asleep(threads)
    start = time.perf_counter()
    compiled(RELEASES, peer)(s, n)
    released = time.perf_counter()
    for thread in threads:
        thread.join()
    return Sample([(max(told) - start) / n * 1e6, (released - start) / n * 1e6])


def _asleep(threads: list[threading.Thread]) -> None:
    """Until all sleep, three times in a row. Whoever waits for the interpreter's lock only has it while this sleeps."""
    seen = 0
    while seen < 3:
        time.sleep(0.005)
        states = [
            Path(f"/proc/self/task/{t.native_id}/stat").read_text().rpartition(")")[2].split()[0] for t in threads
        ]
        seen = seen + 1 if set(states) == {"S"} else 0


async def _tasks(peer: Peer, n: int) -> Sample:
    s, told = await emptied_in_loop(peer, n), []
    waiter = compiled(WAITER.replace("def run", "async def run"), peer)
    tasks = [asyncio.create_task(waiter(s, told)) for _ in range(n)]
    # Each has asked after its first turn, and is in the queue at the latest after the next.
    for _ in range(3):
        await asyncio.sleep(0)
    start = time.perf_counter()
    compiled(RELEASES, peer)(s, n)
    released = time.perf_counter()
    await asyncio.gather(*tasks)
    return Sample([(max(told) - start) / n * 1e6, (released - start) / n * 1e6])
