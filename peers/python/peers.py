"""Who is measured: how each one is made and called, as text that is compiled into the loops of the workloads.

Text and not functions: a wrapper around each call would cost as much as the calls that are compared.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peer:
    name: str
    # What is promised about order: `fifo`, `overtakes` (within a bound) or `none`.
    order: str
    # An expression: a semaphore of `n` permits, all of them free.
    make: str
    # Statements on `s`; `attempt` and `timed` are expressions, true if they got a permit (`t` is in seconds). Empty: it
    # has no such thing. For tasks, `acquire` and `timed` begin with `await`.
    acquire: str
    release: str
    manager: str = ""
    attempt: str = ""
    timed: str = ""
    # Only the one that acquired can release.
    owned: bool = False
    # May be shared by the loops of several threads.
    any_loop: bool = False


def _ours(name: str, order: str, make: str, manager: str = "s") -> Peer:
    return Peer(name, order, make, "s.acquire()", "s.release()", manager, "s.acquire(False)", "s.acquire(timeout=t)")


def _aiologic(name: str, manager: str = "s", owned: bool = False) -> Peer:
    return Peer(
        f"aiologic.{name}",
        "fifo",
        f"aiologic.{name}(n)",
        "s.green_acquire()",
        "s.green_release()",
        manager,
        "s.green_acquire(blocking=False)",
        "s.green_acquire(timeout=t)",
        owned=owned,
    )


THREADS = [
    _ours("permits", "overtakes", "permits.CountSemaphore(n)"),
    Peer(
        "permits permit()",
        "overtakes",
        "permits.CountSemaphore(n)",
        "p = s.permit()",
        "p.release()",
        "s.permit()",
        owned=True,
    ),
    _ours("permits-fair", "fifo", "permits.CountSemaphore(n, fair=True)"),
    _ours("permits.Semaphore", "overtakes", "permits.Semaphore(n)"),
    _ours("permits.BoundedSemaphore", "overtakes", "permits.BoundedSemaphore(n)"),
    _ours("permits.BoundedSemaphore fair", "fifo", "permits.BoundedSemaphore(n, fair=True)"),
    _ours("threading.Semaphore", "none", "threading.Semaphore(n)"),
    _ours("threading.BoundedSemaphore", "none", "threading.BoundedSemaphore(n)"),
    _aiologic("Semaphore"),
    _aiologic("BoundedSemaphore"),
    _aiologic("CapacityLimiter", owned=True),
    # A bounded channel of units: a unit put is a permit taken, and `get` waits as long as none is out.
    Peer(
        "queue.Queue",
        "none",
        "queue.Queue(n)",
        "s.put(None)",
        "s.get()",
        attempt="put_now(s)",
        timed="put_within(s, t)",
    ),
    # The other way round, since it has no bound: a unit got is a permit taken. Its release never waits.
    Peer(
        "queue.SimpleQueue",
        "none",
        "filled(queue.SimpleQueue(), n)",
        "s.get()",
        "s.put(None)",
        attempt="get_now(s)",
        timed="get_within(s, t)",
    ),
]

# One permit only.
LOCK = Peer(
    "floor: threading.Lock",
    "none",
    "threading.Lock()",
    "s.acquire()",
    "s.release()",
    "s",
    "s.acquire(False)",
    "s.acquire(timeout=t)",
)

# Methods of a type written in C that do nothing.
NOTHING = Peer("floor: nothing", "none", "1", "s.conjugate()", "s.conjugate()", attempt="s.conjugate()")


def _task(name: str, order: str, make: str, acquire: str = "await s.acquire()", **more: Any) -> Peer:
    call = acquire.partition(" ")[2]
    return Peer(name, order, make, acquire, "s.release()", "s", timed=f"await within({call}, t)", **more)


def _aiologic_task(name: str, owned: bool = False) -> Peer:
    return Peer(
        f"aiologic.{name}",
        "fifo",
        f"aiologic.{name}(n)",
        "await s.async_acquire()",
        "s.async_release()",
        "s",
        timed="await s.async_acquire(timeout=t)",
        owned=owned,
        any_loop=True,
    )


TASKS = [
    # Threads may pass tasks in it; a task passes nobody.
    _task("permits", "fifo", "permits.CountSemaphore(n)", "await s.acquire_async()", any_loop=True),
    _task("permits-fair", "fifo", "permits.CountSemaphore(n, fair=True)", "await s.acquire_async()", any_loop=True),
    _task("permits.aio.Semaphore", "fifo", "permits.aio.Semaphore(n)", any_loop=True),
    _task("permits.aio.BoundedSemaphore", "fifo", "permits.aio.BoundedSemaphore(n)", any_loop=True),
    _task("asyncio.Semaphore", "fifo", "asyncio.Semaphore(n)"),
    _task("asyncio.BoundedSemaphore", "fifo", "asyncio.BoundedSemaphore(n)"),
    _aiologic_task("Semaphore"),
    _aiologic_task("BoundedSemaphore"),
    _aiologic_task("CapacityLimiter", owned=True),
    _task("anyio.Semaphore", "fifo", "anyio.Semaphore(n)"),
    _task("anyio.Semaphore fast", "fifo", "anyio.Semaphore(n, fast_acquire=True)"),
    _task("anyio.CapacityLimiter", "fifo", "anyio.CapacityLimiter(n)", owned=True),
]

# Between processes. `name` is one that nobody else has.
PROCESSES = [
    _ours("permits.HostSemaphore", "fifo", "permits.HostSemaphore(name(), n, directory=directory)"),
    Peer("multiprocessing.Semaphore", "none", "multiprocessing.Semaphore(n)", "s.acquire()", "s.release()", "s"),
    Peer(
        "multiprocessing.BoundedSemaphore",
        "none",
        "multiprocessing.BoundedSemaphore(n)",
        "s.acquire()",
        "s.release()",
        "s",
    ),
]

NO_AWAIT = Peer("floor: nothing", "none", "nullcontext()", "await s.__aenter__()", "none()", "s")

# Those that need not be there: their peers are left out then.
OPTIONAL = ("permits", "aiologic", "anyio")


def _present() -> dict[str, Any]:
    found = {}
    for name in OPTIONAL:
        try:
            found[name] = importlib.import_module(name)
        except ModuleNotFoundError as e:
            if e.name != name:
                raise
    return found


MODULES = _present()


def is_there(peer: Peer) -> bool:
    package = peer.make.partition(".")[0]
    return package not in OPTIONAL or package in MODULES
