"""What the tests of tasks in both queues share."""

from __future__ import annotations

import asyncio

import pytest

from permits import CountSemaphore

by_policy = pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])


def counts(sem):
    """What the law is about: free, held, loose. It has to add up."""
    state = sem.state()
    held = state.given_out - state.loose
    assert state.available + held + state.loose == state.max_permits, state
    return state.available, held, state.loose


def taken(max_permits, loose=None, fair=False):
    """A semaphore whose permits are out, as loose ones."""
    sem = CountSemaphore(max_permits, fair=fair)
    assert sem.acquire(max_permits if loose is None else loose, blocking=False)
    return sem


async def asleep(sem, *requests):
    """A task of each request; they wait in this order."""
    before = sem.waiting
    tasks = [asyncio.ensure_future(request) for request in requests]
    await asyncio.sleep(0)
    assert sem.waiting == before + len(requests)
    return tasks


def failures(results):
    return [type(result) for result in results]


def verbs(sem, what):
    """The request of that kind, and what makes a full or an empty semaphore grant it."""
    if what == "release_async":
        return sem.release_async, lambda: sem.acquire(blocking=False)
    return getattr(sem, what), lambda: sem.release(blocking=False)


def one_permit(what, fair):
    """A semaphore on which such a request waits."""
    return CountSemaphore(1, fair=fair) if what == "release_async" else taken(1, fair=fair)
