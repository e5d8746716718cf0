"""p10: by how much a timed wait is late, when no permit comes."""

from __future__ import annotations

import asyncio
import statistics
import time

from bench import Bench, Metric, Sample
from peers import LOCK, TASKS, THREADS, Peer
from snippets import compiled, emptied, emptied_in_loop

TIMED = """
def run(s, t):
    return TIMED
"""


def run(bench: Bench) -> None:
    times = bench.pick(40, 10)

    for t in (0.001, 0.01):

        def in_a_thread(peer: Peer, t: float = t) -> Sample:
            s, wait = emptied(peer, 1), compiled(TIMED, peer)
            late = []
            for _ in range(times):
                start = time.perf_counter()
                got = wait(s, t)
                late.append(time.perf_counter() - start - t)
                assert not got
            return Sample([statistics.median(late) * 1e6])

        async def in_a_task(peer: Peer, t: float = t) -> Sample:
            s, wait = await emptied_in_loop(peer, 1), compiled(TIMED.replace("def run", "async def run"), peer)
            late = []
            for _ in range(times):
                start = time.perf_counter()
                got = await wait(s, t)
                late.append(time.perf_counter() - start - t)
                assert not got
            return Sample([statistics.median(late) * 1e6])

        metrics, wait = [Metric("late", "us")], f"wait={t * 1000:g} ms"
        threads = [LOCK, *(p for p in THREADS if p.timed and not p.owned)]
        bench.cell("p10", f"in=a thread {wait}", metrics, threads, in_a_thread)
        # The capacity limiters would have to be emptied by somebody else.
        tasks = [p for p in TASKS if not p.owned]
        bench.cell("p10", f"in=a task {wait}", metrics, tasks, lambda peer, run=in_a_task: asyncio.run(run(peer)))
