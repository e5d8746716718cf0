"""p11: Ctrl-C while the main thread waits for a permit."""

from __future__ import annotations

import statistics
import subprocess
import sys

from bench import Bench, Metric, Sample
from peers import LOCK, THREADS, Peer
from snippets import compiled, emptied

# From another process, as a terminal does it; both read one clock. It gives the main thread time to fall asleep, and sees
# that it has: a signal just before would be noticed at the next one only, in peers that do not look again.
KILLER = """
import os, signal, sys, time
main = f"/proc/{os.getppid()}/stat"
for _ in sys.stdin:
    state = ""
    while state != "S":
        time.sleep(0.01)
        with open(main) as stat:
            state = stat.read().rpartition(")")[2].split()[0]
    sent = time.perf_counter()
    os.kill(os.getppid(), signal.SIGINT)
    print(sent, flush=True)
"""

WAIT = """
def run(s, ask):
    try:
        ask()
        ACQUIRE
    except KeyboardInterrupt:
        return clock()
"""


def run(bench: Bench) -> None:
    times = bench.pick(30, 8)
    with subprocess.Popen(
        [sys.executable, "-c", KILLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as killer:
        assert killer.stdin is not None and killer.stdout is not None
        stdin, stdout = killer.stdin, killer.stdout

        def measured(peer: Peer) -> Sample:
            s, wait = emptied(peer, 1), compiled(WAIT, peer)
            took = []
            for _ in range(times):
                told = wait(s, lambda: stdin.write("\n"))
                took.append(told - float(stdout.readline()))
            return Sample([statistics.median(took) * 1e6])

        peers = [LOCK, *(p for p in THREADS if not p.owned)]
        bench.cell("p11", "main thread in acquire", [Metric("until KeyboardInterrupt", "us")], peers, measured)
        stdin.close()
