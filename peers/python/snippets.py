"""Compiles the text of a peer into the loop of a workload."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import multiprocessing
import os
import queue
import tempfile
import textwrap
import threading
import time
from contextlib import nullcontext
from functools import cache
from itertools import repeat
from typing import Any

from peers import MODULES, Peer


def none() -> None:
    pass


def filled(s: Any, n: int) -> Any:
    for _ in range(n):
        s.put(None)
    return s


def put_now(s: Any) -> bool:
    try:
        s.put_nowait(None)
    except queue.Full:
        return False
    return True


def put_within(s: Any, t: float) -> bool:
    try:
        s.put(None, timeout=t)
    except queue.Full:
        return False
    return True


def get_now(s: Any) -> bool:
    try:
        s.get_nowait()
    except queue.Empty:
        return False
    return True


def get_within(s: Any, t: float) -> bool:
    try:
        s.get(timeout=t)
    except queue.Empty:
        return False
    return True


async def within(acquire: Any, t: float) -> bool:
    try:
        await asyncio.wait_for(acquire, t)
    except asyncio.TimeoutError:
        return False
    return True


_NUMBERS = itertools.count()


def name() -> str:
    return f"peers-{os.getpid()}-{next(_NUMBERS)}"


_DIRECTORY = tempfile.TemporaryDirectory(prefix="peers-", dir="/dev/shm")
atexit.register(_DIRECTORY.cleanup)

NAMES: dict[str, Any] = {
    "asyncio": asyncio,
    "clock": time.perf_counter,
    "directory": _DIRECTORY.name,
    "filled": filled,
    "get_now": get_now,
    "get_within": get_within,
    "multiprocessing": multiprocessing,
    "name": name,
    "none": none,
    "nullcontext": nullcontext,
    "put_now": put_now,
    "put_within": put_within,
    "queue": queue,
    "repeat": repeat,
    "threading": threading,
    "within": within,
    **MODULES,
}


@cache
def compiled(template: str, peer: Peer, **parts: str) -> Any:
    """The function `run` of `template`, in which `ACQUIRE`, `RELEASE`, `MANAGER`, `ATTEMPT`, `TIMED` and what `parts`
    names stand for their text. A part in a line of its own may have several lines."""
    words = {
        "ACQUIRE": peer.acquire,
        "RELEASE": peer.release,
        "MANAGER": peer.manager,
        "ATTEMPT": peer.attempt,
        "TIMED": peer.timed,
        **parts,
    }
    lines = []
    # What stands for a word may hold words again: the inside of a turn has an acquire and a release.
    for line in textwrap.dedent(template).splitlines():
        lines.extend(_replaced(line, words))
    names = dict(NAMES)
    exec(compile("\n".join(lines), f"<{peer.name}>", "exec"), names)
    return names["run"]


def _replaced(line: str, words: dict[str, str]) -> list[str]:
    for word, text in words.items():
        if line.strip() == word:
            indent = line[: -len(line.lstrip())]
            return [out for part in text.splitlines() for out in _replaced(indent + part, words)]
        line = line.replace(word, text)
    return [line]


@cache
def _maker(make: str) -> Any:
    return eval(f"lambda n: {make}", dict(NAMES))


def made(peer: Peer, n: int) -> Any:
    """A semaphore of `n` free permits. For tasks: to be called in the loop, where `anyio` finds out which one it is."""
    return _maker(peer.make)(n)


EMPTIED = """
def run(s, n):
    for _ in repeat(None, n):
        ACQUIRE
    return s
"""


def emptied(peer: Peer, n: int) -> Any:
    """A semaphore of `n` permits which are all taken, loosely: anybody may return them."""
    return compiled(EMPTIED, peer)(made(peer, n), n)


async def emptied_in_loop(peer: Peer, n: int) -> Any:
    return await compiled(EMPTIED.replace("def run", "async def run"), peer)(made(peer, n), n)
