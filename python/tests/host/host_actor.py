"""A process that does with a semaphore of the host what it is told: `python host_actor.py DIRECTORY NAME`.

It is told by lines on stdin, and answers each with one of its own. What it takes it keeps, until it is told
otherwise or dies.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading

import permits


def main():
    directory, name = sys.argv[1:3]
    sem = permits.HostSemaphore(name, directory=directory, numbered=True)
    kept = []
    said = threading.Lock()

    def say(*words):
        with said:
            print(*words, flush=True)

    def reports(act, *args):
        try:
            say("got", act(*args))
        except permits.PermitsError as error:
            say(type(error).__name__, getattr(error, "kind", ""))

    def keep(permit):
        kept.append(permit)
        return permit.count

    async def acquired(n):
        return await sem.acquire_async(n)

    async def held(n):
        return keep(await sem.permit_async(n))

    def enter():
        kept.append(sem.__enter__())
        return "in"

    acts = {
        "acquire": lambda n: sem.acquire(n),
        "release": lambda n: sem.release(n),
        "permit": lambda n: keep(sem.permit(n)),
        "with": lambda n: enter(),
        "acquire-async": lambda n: asyncio.run(acquired(n)),
        "permit-async": lambda n: asyncio.run(held(n)),
    }
    say("ready")
    for line in sys.stdin:
        act, *rest = line.split()
        n = int(rest[0]) if rest else 1
        if act in acts:
            # In a thread, so that it hears while it waits.
            threading.Thread(target=reports, args=(acts[act], n), daemon=True).start()
        elif act == "drop":
            kept.clear()
            gc.collect()
            say("dropped")
        elif act == "forget":
            kept.pop().forget()
            say("forgotten")
        elif act == "exit":
            sys.exit(0)
        elif act == "_exit":
            os._exit(0)
        else:
            raise SystemExit(f"unknown: {line}")


if __name__ == "__main__":
    main()
