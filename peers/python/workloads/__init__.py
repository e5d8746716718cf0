from __future__ import annotations

from workloads import (
    channels,
    crowd_tasks,
    crowd_threads,
    ctrl_c,
    lateness,
    pairs,
    pairs_in_tasks,
    ping_pong,
    processes,
    tries,
    two_loops,
    waking,
)

ALL = {
    "p1": pairs.run,
    "p2": tries.run,
    "p3": pairs_in_tasks.run,
    "p4": ping_pong.run,
    "p5": crowd_threads.run,
    "p6": crowd_tasks.run,
    "p7": two_loops.run,
    "p8": waking.run,
    "p9": channels.run,
    "p10": lateness.run,
    "p11": ctrl_c.run,
    "p12": processes.run,
}
