"""p7: two loops in two threads, which share semaphores."""

from __future__ import annotations

import asyncio
import threading
import time

from bench import OPS, Bench, Metric, Sample
from peers import TASKS, Peer
from snippets import compiled, emptied_in_loop, made
from workloads.crowd_tasks import CROWD, INSIDE
from workloads.ping_pong import ECHO, SIDE, Cores, apart, both_ways

TASKS_AT_WORK, PERMITS = 100, 10

SHARED = [p for p in TASKS if p.any_loop]


class Bare:
    """All of it lives in the loop that waits: what two loops cost without a semaphore."""

    def __init__(self) -> None:
        self._free = 0
        self._waiter: asyncio.Future[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def acquire(self) -> None:
        if self._free == 0:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._free -= 1

    def release(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self._grant)

    def _grant(self) -> None:
        self._free += 1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


BARE = Peer("floor: call_soon_threadsafe", "none", "", "await s.acquire()", "s.release()")


def run(bench: Bench) -> None:
    trips = bench.pick(2000, 300)
    turns = bench.pick(100, 20)
    hands = [BARE, *(p for p in SHARED if not p.owned)]
    metrics = [Metric("round trip", "us")]
    for on, cores in both_ways().items():
        bench.cell("p7", f"hand-over on={on}", metrics, hands, lambda peer, c=cores: _to_and_fro(peer, trips, c))
    parameters = f"loops=2 tasks={TASKS_AT_WORK} permits={PERMITS} inside=a yield"
    cores = both_ways()["two cores"]
    bench.cell("p7", parameters, [OPS], SHARED, lambda peer: _crowd(peer, turns, cores))


def _to_and_fro(peer: Peer, trips: int, cores: Cores) -> Sample:
    async def made_two():
        return [Bare(), Bare()] if peer == BARE else [await emptied_in_loop(peer, 1) for _ in range(2)]

    one, two = asyncio.run(made_two())
    gate = threading.Barrier(2)

    async def side(mine, others, template: str) -> float:
        if peer == BARE:
            mine.loop = asyncio.get_running_loop()
        gate.wait()
        start = time.perf_counter()
        await compiled(template.replace("def run", "async def run"), peer)(mine, others, trips)
        took = time.perf_counter() - start
        # As long as the other side runs, this side's loop is to be there.
        await asyncio.get_running_loop().run_in_executor(None, gate.wait)
        return took

    _, (took, _) = apart(cores, lambda: asyncio.run(side(one, two, SIDE)), lambda: asyncio.run(side(two, one, ECHO)))
    return Sample([took / trips * 1e6])


def _crowd(peer: Peer, turns: int, cores: Cores) -> Sample:
    s = made(peer, PERMITS)
    start = threading.Barrier(2)
    one_turn = compiled(CROWD, peer, INSIDE=INSIDE["a yield"])

    async def side() -> tuple[float, float]:
        gate = asyncio.Event()
        tasks = [asyncio.create_task(one_turn(s, gate, turns, asyncio.sleep)) for _ in range(TASKS_AT_WORK)]
        await asyncio.sleep(0)
        start.wait()
        begun = time.perf_counter()
        gate.set()
        await asyncio.gather(*tasks)
        return begun, time.perf_counter()

    _, told = apart(cores, lambda: asyncio.run(side()), lambda: asyncio.run(side()))
    took = max(end for _, end in told) - min(begun for begun, _ in told)
    return Sample([2 * TASKS_AT_WORK * turns / took])
