"""Interpreters that end while their threads and tasks wait."""

from __future__ import annotations

import pytest

from helpers_async import DEADLINE, background, eventually, python
from host.conftest import NAME, may_fork

pytestmark = may_fork

ENDS = """
import asyncio, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
how = sys.argv[3]

def queued():
    while sem.waiting == 0:
        time.sleep(0.001)

if how == "thread":
    threading.Thread(target=sem.acquire, daemon=True).start()
    queued()
elif how == "permit":
    threading.Thread(target=sem.permit, daemon=True).start()
    queued()
elif how == "task":
    async def main():
        asyncio.ensure_future(sem.acquire_async())
        while sem.waiting == 0:
            await asyncio.sleep(0)
    asyncio.run(main())
elif how == "task of a loop that is left":
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(sem.acquire_async())
    loop.run_until_complete(asyncio.sleep(0.01))
    assert sem.waiting == 1
else:
    async def main():
        await sem.acquire_async()
    def run():
        asyncio.run(main())
    threading.Thread(target=run, daemon=True).start()
    queued()
print("ends")
"""


@pytest.mark.parametrize("how", ["thread", "permit", "task", "task of a loop that is left", "loop of a thread"])
def test_an_interpreter_that_ends_while_it_waits_ends_and_leaves_no_waiter(opened, directory, how):
    sem = opened(1)
    permit = sem.permit()

    assert python(ENDS, NAME, directory, how) == "ends\n"

    waits = background(sem.acquire)
    assert eventually(lambda: sem.waiting_acquirers >= 1)
    permit.release()
    assert waits.result(DEADLINE) is True
    assert eventually(lambda: sem.waiting == 0)
