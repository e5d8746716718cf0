"""p9: a release that waits. A producer takes room (acquire), a consumer gives it back (release) and waits if no unit is
there: one semaphore of ours, against channels of units and against two semaphores."""

from __future__ import annotations

import asyncio
import time

from bench import Bench, Metric, Sample
from peers import Peer
from snippets import compiled, emptied, emptied_in_loop, made
from workloads.ping_pong import Cores, apart, both_ways

PRODUCER = """
def run(room, units, n):
    for _ in repeat(None, n):
        PRODUCE
"""

CONSUMER = """
def run(room, units, n):
    for _ in repeat(None, n):
        CONSUME
"""


class Channel:
    """What a peer does to pass a unit. With two semaphores it waits for one and releases the other."""

    def __init__(self, name: str, order: str, make: str, produce: str, consume: str, two: bool = False) -> None:
        self.peer = Peer(name, order, make, produce, consume)
        self.produce, self.consume, self.two = produce, consume, two


ONE = ("room.acquire()", "room.release()")
TWO = ("room.acquire()\nunits.release()", "units.acquire()\nroom.release()")
GREEN = ("room.green_acquire()\nunits.green_release()", "units.green_acquire()\nroom.green_release()")

BETWEEN_THREADS = [
    Channel("permits", "overtakes", "permits.CountSemaphore(n)", *ONE),
    Channel("permits-fair", "fifo", "permits.CountSemaphore(n, fair=True)", *ONE),
    Channel("permits.Semaphore x2", "overtakes", "permits.Semaphore(n)", *TWO, two=True),
    Channel("queue.Queue", "none", "queue.Queue(n)", "room.put(None)", "room.get()"),
    Channel("threading.Semaphore x2", "none", "threading.Semaphore(n)", *TWO, two=True),
    Channel("aiologic.Semaphore x2", "fifo", "aiologic.Semaphore(n)", *GREEN, two=True),
    Channel("aiologic.Queue", "fifo", "aiologic.Queue(maxsize=n)", "room.green_put(None)", "room.green_get()"),
]

WAITED_TWO = ("await room.acquire()\nunits.release()", "await units.acquire()\nroom.release()")

BETWEEN_TASKS = [
    Channel("permits", "fifo", "permits.CountSemaphore(n)", "await room.acquire_async()", "await room.release_async()"),
    Channel(
        "permits-fair",
        "fifo",
        "permits.CountSemaphore(n, fair=True)",
        "await room.acquire_async()",
        "await room.release_async()",
    ),
    Channel("permits.aio.Semaphore x2", "fifo", "permits.aio.Semaphore(n)", *WAITED_TWO, two=True),
    Channel("asyncio.Queue", "none", "asyncio.Queue(n)", "await room.put(None)", "await room.get()"),
    Channel("asyncio.Semaphore x2", "fifo", "asyncio.Semaphore(n)", *WAITED_TWO, two=True),
]

METRIC = [Metric("unit", "us")]


def run(bench: Bench) -> None:
    for capacity in (1, 16):
        units = bench.pick(20_000, 1000)
        for on, cores in both_ways().items():

            def in_threads(channel: Channel, cores=cores, units=units, capacity=capacity) -> float:
                return _between_threads(channel, capacity, units, cores) / units

            _cell(bench, f"threads=1:1 capacity={capacity} on={on}", BETWEEN_THREADS, in_threads)

        units = bench.pick(40_000, 2000)

        def in_tasks(channel: Channel, units=units, capacity=capacity) -> float:
            return asyncio.run(_between_tasks(channel, capacity, units)) / units

        _cell(bench, f"tasks=1:1 capacity={capacity}", BETWEEN_TASKS, in_tasks)


def _cell(bench: Bench, parameters: str, channels: list[Channel], seconds) -> None:
    by_name = {c.peer.name: c for c in channels}
    peers = [c.peer for c in channels]
    bench.cell("p9", parameters, METRIC, peers, lambda peer: Sample([seconds(by_name[peer.name]) * 1e6]))


def _between_threads(channel: Channel, capacity: int, units: int, cores: Cores) -> float:
    room = made(channel.peer, capacity)
    # The semaphore of units: one for each that may lie in the buffer, none there at the start.
    there = emptied(_plain(channel), capacity) if channel.two else None
    sides = [_compiled(template, channel) for template in (PRODUCER, CONSUMER)]
    took, _ = apart(cores, *(lambda side=side: side(room, there, units) for side in sides))
    return took


async def _between_tasks(channel: Channel, capacity: int, units: int) -> float:
    room = made(channel.peer, capacity)
    there = await emptied_in_loop(_plain(channel), capacity) if channel.two else None
    producer, consumer = (_compiled(t.replace("def run", "async def run"), channel) for t in (PRODUCER, CONSUMER))
    start = time.perf_counter()
    await asyncio.gather(consumer(room, there, units), producer(room, there, units))
    return time.perf_counter() - start


def _compiled(template: str, channel: Channel):
    return compiled(template, channel.peer, PRODUCE=channel.produce, CONSUME=channel.consume)


def _plain(channel: Channel) -> Peer:
    """As a semaphore: its own acquire, without what a unit asks for besides."""
    acquire = channel.produce.splitlines()[0].replace("room.", "s.")
    return Peer(channel.peer.name, channel.peer.order, channel.peer.make, acquire, "")
