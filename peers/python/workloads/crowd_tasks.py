"""p6: 1,000 tasks on 10 permits, in one loop."""

from __future__ import annotations

import asyncio
import time

from bench import OPS, Bench, Sample
from peers import NO_AWAIT, TASKS, Peer
from snippets import compiled, made

CROWD = """
async def run(s, gate, turns, sleep):
    await gate.wait()
    for _ in repeat(None, turns):
        async with MANAGER:
            INSIDE
"""

# In a run of its own: the clock would be in the throughput.
LONGEST = """
async def run(s, gate, turns, sleep):
    await gate.wait()
    longest = 0.0
    for _ in repeat(None, turns):
        asked = clock()
        async with MANAGER:
            longest = max(longest, clock() - asked)
            INSIDE
    return longest
"""

# A task that never has to wait goes on to its end: then no two of them are at work at a time.
INSIDE = {"a yield": "await sleep(0)", "nothing": "pass"}

TASKS_AT_WORK, PERMITS = 1000, 10


def run(bench: Bench) -> None:
    turns = bench.pick(40, 10)

    for name, inside in INSIDE.items():

        def measured(peer: Peer, inside: str = inside) -> Sample:
            took, _ = asyncio.run(_crowd(compiled(CROWD, peer, INSIDE=inside), peer, turns))
            _, longest = asyncio.run(_crowd(compiled(LONGEST, peer, INSIDE=inside), peer, turns))
            return Sample([TASKS_AT_WORK * turns / took], longest_wait_us=max(longest) * 1e6)

        bench.cell("p6", f"tasks={TASKS_AT_WORK} permits={PERMITS} inside={name}", [OPS], [NO_AWAIT, *TASKS], measured)


async def _crowd(run_one, peer: Peer, turns: int) -> tuple[float, list]:
    s, gate = made(peer, PERMITS), asyncio.Event()
    tasks = [asyncio.create_task(run_one(s, gate, turns, asyncio.sleep)) for _ in range(TASKS_AT_WORK)]
    await asyncio.sleep(0)
    start = time.perf_counter()
    gate.set()
    told = await asyncio.gather(*tasks)
    return time.perf_counter() - start, told
