"""p2: a try, when no permit is left."""

from __future__ import annotations

from bench import Bench, Metric, Sample
from peers import LOCK, NOTHING, THREADS, Peer
from snippets import compiled, emptied
from workloads.pairs import PERMITS, nanoseconds

TRY = """
def run(s, n):
    start = clock()
    for _ in repeat(None, n):
        ATTEMPT
    return clock() - start
"""


def run(bench: Bench) -> None:
    def measured(peer: Peer) -> Sample:
        s = emptied(peer, 1 if peer == LOCK else PERMITS)
        return Sample([nanoseconds(compiled(TRY, peer), s, bench.pick(0.04, 0.01))])

    peers = [p for p in [NOTHING, LOCK, *THREADS] if p.attempt and not p.owned]
    bench.cell("p2", "try that fails", [Metric("call", "ns")], peers, measured)
