"""p1: one thread takes a permit and gives it back, with nobody in its way."""

from __future__ import annotations

from bench import Bench, Metric, Sample
from peers import LOCK, NOTHING, THREADS, Peer
from snippets import compiled, made

CALLS = """
def run(s, n):
    start = clock()
    for _ in repeat(None, n):
        ACQUIRE
        RELEASE
    return clock() - start
"""

WITH = """
def run(s, n):
    start = clock()
    for _ in repeat(None, n):
        with MANAGER:
            pass
    return clock() - start
"""

PAIR = Metric("pair", "ns")
# Room for more than one: a semaphore of a single permit is another type in some peers.
PERMITS = 4


def run(bench: Bench) -> None:
    seconds = bench.pick(0.04, 0.01)

    def measured(template: str, peer: Peer) -> Sample:
        return Sample([nanoseconds(compiled(template, peer), made(peer, PERMITS), seconds)])

    peers = [NOTHING, LOCK, *THREADS]
    bench.cell("p1", "door=acquire and release", [PAIR], peers, lambda peer: measured(CALLS, peer))
    bench.cell("p1", "door=with", [PAIR], [p for p in peers if p.manager], lambda peer: measured(WITH, peer))


def nanoseconds(timed, s, seconds: float) -> float:
    """Of one turn: the best of three loops of about `seconds`."""
    n = 100
    while (took := timed(s, n)) < seconds / 8:
        n *= 4
    n = max(1, int(n * seconds / took))
    return min(timed(s, n) for _ in range(3)) / n * 1e9
