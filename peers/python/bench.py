"""Rounds, ratios and rows: as ../src/harness.rs and ../src/record.rs have them, so that `peers table` reads them."""

from __future__ import annotations

import csv
import faulthandler
import gc
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from peers import Peer, is_there

COLUMNS = (
    "workload,parameters,metric,peer,order,unit,higher_is_better,median,min,max,ratio,reference,rounds,jain,"
    "longest_wait_us,share"
).split(",")

REFERENCE = "permits"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

# In seconds. A peer that needs longer for a run is not run again in that cell.
TOO_SLOW = 6.0
# Then a run has lost a wakeup: all stacks are told, and the program ends.
LOST = 90.0


class Metric(NamedTuple):
    name: str
    unit: str
    higher_is_better: bool = False


OPS = Metric("throughput", "ops/s", True)


@dataclass
class Sample:
    """What one run of one peer gives: a value for each metric of the cell."""

    values: list[float]
    jain: float | None = None
    longest_wait_us: float | None = None


@dataclass
class Bench:
    out: Path
    rounds: int
    quick: bool
    wanted: list[str]
    started: float = field(default_factory=time.perf_counter)

    def pick(self, full, quick):
        return quick if self.quick else full

    def cell(
        self,
        workload: str,
        parameters: str,
        metrics: list[Metric],
        peers: list[Peer],
        run: Callable[[Peer], Sample],
        reference: str = REFERENCE,
    ) -> None:
        """Runs every peer once in each round, each round starting with another peer: neighbours in time see the same
        machine, and a ratio within a round says more than two medians taken minutes apart."""
        chosen = [p for p in peers if is_there(p) and (p.name == reference or self._wants(p))]
        samples: dict[str, list[Sample]] = {p.name: [] for p in chosen}
        halted: set[str] = set()
        for turn in range(self.rounds):
            for step in range(len(chosen)):
                peer = chosen[(turn + step) % len(chosen)]
                if peer.name in halted:
                    continue
                samples[peer.name].append(self._watched(peer, run))
                if self._last > TOO_SLOW and peer.name != reference:
                    print(
                        f"{peer.name} in {workload} {parameters}: {self._last:.0f} s, no more rounds", file=sys.stderr
                    )
                    halted.add(peer.name)
        for i, metric in enumerate(metrics):
            self._write(workload, f"python={PYTHON} {parameters}", metric, i, samples, chosen, reference)

    def _wants(self, peer: Peer) -> bool:
        return not self.wanted or any(peer.name.startswith(w) for w in self.wanted)

    def _watched(self, peer: Peer, run: Callable[[Peer], Sample]) -> Sample:
        # The garbage of one peer is not to be collected in the time of the next.
        gc.collect()
        faulthandler.dump_traceback_later(LOST, exit=True)
        start = time.perf_counter()
        try:
            return run(peer)
        except BaseException:
            print(f"in `{peer.name}`:", file=sys.stderr)
            raise
        finally:
            self._last = time.perf_counter() - start
            faulthandler.cancel_dump_traceback_later()

    def _write(
        self,
        workload: str,
        parameters: str,
        metric: Metric,
        index: int,
        samples: dict[str, list[Sample]],
        chosen: list[Peer],
        reference: str,
    ) -> None:
        of_reference = [s.values[index] for s in samples.get(reference, [])]
        is_new = not self.out.exists() or self.out.stat().st_size == 0
        with self.out.open("a", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            if is_new:
                rows.writerow(COLUMNS)
            told = []
            for peer in chosen:
                of_peer = samples[peer.name]
                own = [s.values[index] for s in of_peer]
                # A peer that lacks what is measured.
                if any(math.isnan(v) for v in own):
                    continue
                ratio = statistics.median(a / b for a, b in zip(own, of_reference)) if of_reference else None
                median = statistics.median(own)
                rows.writerow(
                    (
                        workload,
                        parameters,
                        metric.name,
                        peer.name,
                        peer.order,
                        metric.unit,
                        str(metric.higher_is_better).lower(),
                        median,
                        min(own),
                        max(own),
                        _text(ratio),
                        reference if of_reference else "",
                        len(own),
                        _text(_middle([s.jain for s in of_peer])),
                        _text(_middle([s.longest_wait_us for s in of_peer])),
                        "",
                    )
                )
                told.append(f"    {peer.name:32} {median:14,.2f}" + ("" if ratio is None else f"  x{ratio:.2f}"))
        seconds = time.perf_counter() - self.started
        print(
            f"{seconds:5.0f} s  {workload} {parameters}: {metric.name}, {metric.unit}", *told, sep="\n", file=sys.stderr
        )


def _middle(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return statistics.median(present) if present else None


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def jain(turns: list[int]) -> float:
    """Jain's index: 1 if all have the same, 1/n if one has everything."""
    squares = len(turns) * sum(t * t for t in turns)
    return sum(turns) ** 2 / squares if squares else math.nan
