"""Measures `permits` beside other semaphores for Python, by Python calls only. ../README.md tells how to read it."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from bench import Bench
from peers import MODULES
from workloads import ALL


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=f"of {', '.join(ALL)}, by commas")
    parser.add_argument(
        "--peer", nargs="+", default=[], metavar="NAME", help="some peers, by the beginning of their names"
    )
    parser.add_argument("--quick", action="store_true", help="shorter runs, three rounds: for a look, not for a record")
    parser.add_argument("--rounds", type=int, help="rounds of each cell [default: 7, with --quick 3]")
    parser.add_argument(
        "--out", type=Path, default=Path("python.csv"), help="where to append rows [default: python.csv]"
    )
    # The interpreter does not know: Debian's was built with profiles, and its configuration does not say so.
    parser.add_argument(
        "--build", default="unknown", metavar="TEXT", help="how the interpreter was built, for the machine file"
    )
    given = parser.parse_args()
    unknown = [name for name in given.only if name not in ALL]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}, there are {', '.join(ALL)}")
    return given


def machine(rounds: int, quick: bool, build: str) -> str:
    """What the figures were taken on: a figure without its machine says nothing."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    facts = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
        "python": f"{platform.python_version()}, {platform.python_compiler()}",
        "python built": build,
        "switch interval": f"{sys.getswitchinterval() * 1000:g} ms",
        "rounds": rounds,
        "quick": "yes" if quick else "no",
        **{name: importlib.metadata.version(name) for name in MODULES},
    }
    return "".join(f"{name}: {value}\n" for name, value in facts.items()) + "\n"


def main() -> None:
    given = arguments()
    rounds = given.rounds or (3 if given.quick else 7)
    if "permits" not in MODULES:
        print("`permits` is not installed: the others only, and no ratios", file=sys.stderr)
    bench = Bench(given.out, rounds, given.quick, given.peer)
    with given.out.with_suffix(".machine.txt").open("a") as file:
        file.write(machine(rounds, given.quick, given.build))
    for name, workload in ALL.items():
        if not given.only or name in given.only:
            workload(bench)


if __name__ == "__main__":
    main()
