"""p3: one task takes a permit and gives it back, with nobody in its way."""

from __future__ import annotations

import asyncio

from bench import Bench, Sample
from peers import NO_AWAIT, TASKS, Peer
from snippets import compiled, made
from workloads.pairs import PAIR, PERMITS

CALLS = """
async def run(s, n):
    start = clock()
    for _ in repeat(None, n):
        ACQUIRE
        RELEASE
    return clock() - start
"""

WITH = """
async def run(s, n):
    start = clock()
    for _ in repeat(None, n):
        async with MANAGER:
            pass
    return clock() - start
"""


def run(bench: Bench) -> None:
    seconds = bench.pick(0.04, 0.01)

    def measured(template: str, peer: Peer) -> Sample:
        return Sample([asyncio.run(_nanoseconds(compiled(template, peer), peer, seconds))])

    peers = [NO_AWAIT, *TASKS]
    bench.cell("p3", "door=await acquire, release", [PAIR], peers, lambda peer: measured(CALLS, peer))
    bench.cell("p3", "door=async with", [PAIR], peers, lambda peer: measured(WITH, peer))


async def _nanoseconds(timed, peer: Peer, seconds: float) -> float:
    s = made(peer, PERMITS)
    n = 100
    while (took := await timed(s, n)) < seconds / 8:
        n *= 4
    n = max(1, int(n * seconds / took))
    return min([await timed(s, n) for _ in range(3)]) / n * 1e9
