"""The garbage collector, while a thread that is not Python's tells tasks that they may go on.

The collector goes over everything twice. What it sees once and not the second time it destroys, though it is in use: "Task was destroyed but
it is pending!", and its acquire never returns. So what is visited must not depend on what that thread is doing.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time

from helpers_async import DEADLINE

# Half a million by `PERMITS_COLLECTED_TASKS=500000 pytest --timeout 0 host/test_collection.py`. One of some 1,000 to 13,000 was destroyed when a lock was asked.
TASKS = int(os.environ.get("PERMITS_COLLECTED_TASKS", "20000"))
AT_ONCE = 50


def test_no_task_is_destroyed_while_it_is_told(opened):
    reported = []
    came = 0

    async def one(sem):
        nonlocal came
        async with sem.permit_async():
            came += 1

    async def turn(sem):
        expected = came + AT_ONCE
        held = await sem.permit_async()
        for _ in range(AT_ONCE):
            # Nobody refers to the task: the semaphore keeps it alive.
            asyncio.ensure_future(one(sem))
        await asyncio.sleep(0)
        held.release()
        deadline = time.monotonic() + DEADLINE
        while came < expected and not reported and time.monotonic() < deadline:
            gc.collect()
            await asyncio.sleep(0)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["message"]))
        # What is made from here on is all that the collector goes over.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            sem = opened(1)
            while came < TASKS and not reported:
                before = came
                await turn(sem)
                assert came == before + AT_ONCE, f"{before + AT_ONCE - came} never came: {reported}"
        finally:
            gc.enable()
            gc.unfreeze()

    asyncio.run(main())

    assert reported == []
    assert came >= TASKS
