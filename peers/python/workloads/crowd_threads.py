"""p5: 8 threads on 2 permits."""

from __future__ import annotations

import hashlib
import threading
import time

from bench import OPS, Bench, Sample, jain
from peers import NOTHING, THREADS, Peer
from snippets import compiled, made

THREADS_AT_WORK, PERMITS = 8, 2

CROWD = """
def run(s, work, gate, stop, told):
    turns = 0
    gate.wait()
    start = clock()
    while not stop:
        TURN
        turns += 1
    told.append((turns, start, clock(), 0.0))
"""

# In a run of its own: the clock would be in the throughput.
LONGEST = """
def run(s, work, gate, stop, told):
    longest = 0.0
    gate.wait()
    while not stop:
        asked = clock()
        TURN
    told.append((0, 0.0, 0.0, longest))
"""
WAITED = "\nlongest = max(longest, clock() - asked)\n"

INSIDE = {
    "nothing": "pass",
    # Some hundred nanoseconds, with the interpreter's lock.
    "a little": "sum(work)",
    # Some ten microseconds without it: what a permit is for, in small.
    "a hash": "sha256(block).digest()",
}
BLOCK = b"\0" * 4096


def run(bench: Bench) -> None:
    seconds = bench.pick(0.3, 0.1)

    for name, inside in INSIDE.items():

        def measured(peer: Peer, inside: str = inside) -> Sample:
            told = crowd(compiled(CROWD, peer, TURN=_turn(peer, inside)), peer, seconds)
            took = max(end for _, _, end, _ in told) - min(start for _, start, _, _ in told)
            turns = [turns for turns, *_ in told]
            waits = crowd(compiled(LONGEST, peer, TURN=_turn(peer, WAITED + inside)), peer, seconds)
            return Sample([sum(turns) / took], jain(turns), max(longest for *_, longest in waits) * 1e6)

        peers = [NOTHING, *THREADS]
        bench.cell("p5", f"threads={THREADS_AT_WORK} permits={PERMITS} inside={name}", [OPS], peers, measured)


def _turn(peer: Peer, inside: str) -> str:
    """By `with`, where the peer has it."""
    if peer.manager:
        body = "".join(f"\n    {line}" for line in inside.splitlines() if line)
        return f"with MANAGER:{body}"
    return f"ACQUIRE\n{inside.strip()}\nRELEASE"


def crowd(run_one, peer: Peer, seconds: float) -> list[tuple[int, float, float, float]]:
    run_one.__globals__.update(sha256=hashlib.sha256, block=BLOCK)
    s, work, stop, told = made(peer, PERMITS), tuple(range(20)), [], []
    gate = threading.Barrier(THREADS_AT_WORK + 1)
    threads = [threading.Thread(target=run_one, args=(s, work, gate, stop, told)) for _ in range(THREADS_AT_WORK)]
    for thread in threads:
        thread.start()
    gate.wait()
    time.sleep(seconds)
    stop.append(True)
    for thread in threads:
        thread.join()
    return told
