"""p12: between processes: a pair alone, and a permit to and fro between two processes."""

from __future__ import annotations

import os
import time

from bench import Bench, Metric, Sample
from peers import PROCESSES, Peer
from snippets import compiled, emptied, made
from workloads.pairs import CALLS, PAIR, PERMITS, WITH, nanoseconds
from workloads.ping_pong import ECHO, SIDE, Cores, both_ways

REFERENCE = "permits.HostSemaphore"


def run(bench: Bench) -> None:
    seconds = bench.pick(0.04, 0.01)
    trips = bench.pick(4000, 500)

    for door, template in (("acquire and release", CALLS), ("with", WITH)):

        def alone(peer: Peer, template: str = template) -> Sample:
            return Sample([nanoseconds(compiled(template, peer), made(peer, PERMITS), seconds)])

        bench.cell("p12", f"door={door}", [PAIR], PROCESSES, alone, REFERENCE)

    for on, cores in both_ways().items():

        def to_and_fro(peer: Peer, cores: Cores = cores) -> Sample:
            return Sample([_round_trip(peer, trips, cores)])

        bench.cell("p12", f"hand-over on={on}", [Metric("round trip", "us")], PROCESSES, to_and_fro, REFERENCE)


def _round_trip(peer: Peer, trips: int, cores: Cores) -> float:
    one, two = emptied(peer, 1), emptied(peer, 1)
    # Made before, so that the child only runs them.
    side, echo = compiled(SIDE, peer), compiled(ECHO, peer)
    all_cores = os.sched_getaffinity(0)
    child = os.fork()
    if child == 0:
        try:
            os.sched_setaffinity(0, {cores[1]})
            echo(two, one, trips + 1)
        finally:
            os._exit(0)
    os.sched_setaffinity(0, {cores[0]})
    try:
        # The first trip waits for the child to start.
        side(one, two, 1)
        start = time.perf_counter()
        side(one, two, trips)
        return (time.perf_counter() - start) / trips * 1e6
    finally:
        os.waitpid(child, 0)
        os.sched_setaffinity(0, all_cores)
