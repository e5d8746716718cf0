"""What the tests of `permits.aio` share.

What both have to do alike runs against asyncio's own classes too (`door`), so that a test that asks for something else
than asyncio does fails at once. Where asyncio's class is older than its repair (CPython 3.9), ours alone is asked.
"""

from __future__ import annotations

import asyncio
import sys

import pytest

import permits
from helpers_async import turns

DOORS = [pytest.param(asyncio, id="asyncio"), pytest.param(permits.aio, id="permits")]
# Order, and grants that are passed on: asyncio keeps to them since its semaphore was rewritten (gh-90155).
REPAIRED = DOORS if sys.version_info >= (3, 10) else DOORS[1:]
CLASSES = ["Semaphore", "BoundedSemaphore"]

by_door = pytest.mark.parametrize("door", DOORS)
by_repaired = pytest.mark.parametrize("door", REPAIRED)
by_class = pytest.mark.parametrize("kind", CLASSES)


async def full(door, kind="Semaphore", value=1):
    """A semaphore with all its permits out."""
    sem = getattr(door, kind)(value)
    for _ in range(value):
        await sem.acquire()
    return sem


async def queued(sem, count):
    """That many tasks, which wait in this order."""
    tasks = [asyncio.create_task(sem.acquire()) for _ in range(count)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def awaited(awaitable):
    return await awaitable


def step(loop, turns_=3):
    loop.run_until_complete(turns(turns_))
