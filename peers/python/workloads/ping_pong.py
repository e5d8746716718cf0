"""p4: two threads hand a permit to and fro, through two semaphores that are empty at the start."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from bench import Bench, Metric, Sample
from peers import LOCK, THREADS, Peer
from snippets import compiled, emptied

# `s` is what this side waits for, `other` what it gives. The statement of a peer speaks of `s` only.
SIDE = """
def run(mine, others, n):
    for _ in repeat(None, n):
        s = others
        RELEASE
        s = mine
        ACQUIRE
"""

ECHO = """
def run(mine, others, n):
    for _ in repeat(None, n):
        s = mine
        ACQUIRE
        s = others
        RELEASE
"""


def run(bench: Bench) -> None:
    turns = bench.pick(4000, 500)

    def measured(peer: Peer, cores: Cores) -> Sample:
        one, two = emptied(peer, 1), emptied(peer, 1)
        took, _ = apart(
            cores,
            lambda: compiled(SIDE, peer)(one, two, turns),
            lambda: compiled(ECHO, peer)(two, one, turns),
        )
        return Sample([took / turns * 1e6])

    peers = [LOCK, *(p for p in THREADS if not p.owned)]
    for on, cores in both_ways().items():
        bench.cell("p4", f"on={on}", [Metric("round trip", "us")], peers, lambda peer, c=cores: measured(peer, c))


Cores = tuple[int, int]


def both_ways() -> dict[str, Cores]:
    """Left alone, the scheduler puts two threads that wake each other now on one core and now on two, and a factor of
    ten lies between."""
    cores = sorted(os.sched_getaffinity(0))
    return {"two cores": (cores[0], cores[-1]), "one core": (cores[0], cores[0])}


def apart(cores: Cores, *sides: Callable[[], Any]) -> tuple[float, list]:
    """Runs two sides in two threads, each on its core: the seconds until both are done, and what they return."""
    gate = threading.Barrier(len(sides))
    told: list = [None] * len(sides)
    stamps: list[float] = []

    def pinned(which: int) -> None:
        os.sched_setaffinity(0, {cores[which]})
        gate.wait()
        stamps.append(time.perf_counter())
        told[which] = sides[which]()
        stamps.append(time.perf_counter())

    threads = [threading.Thread(target=pinned, args=(which,)) for which in range(len(sides))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(stamps) - min(stamps), told
