"""Requests for several permits at once, which asyncio's semaphores do not have."""

from __future__ import annotations

import asyncio

import pytest

import permits
from aio.conftest import queued
from helpers_async import in_loop, turns

pytestmark = pytest.mark.timeout(30)


@in_loop
async def test_a_request_for_several_takes_all_at_once_or_none():
    sem = permits.aio.Semaphore(2)
    await sem.acquire()

    task = asyncio.create_task(sem.acquire(2))
    await turns(3)
    assert not task.done() and sem.available == 1
    sem.release()

    assert await task is True
    assert sem.available == 0


@in_loop
async def test_release_of_several_grants_all_that_it_reaches():
    sem = permits.aio.Semaphore(0)
    tasks = await queued(sem, 3)

    sem.release(2)
    await turns(3)

    assert [task.done() for task in tasks] == [True, True, False]
    sem.release()
    await tasks[2]


@in_loop
async def test_a_bounded_release_of_several_is_all_or_nothing():
    sem = permits.aio.BoundedSemaphore(3)
    await sem.acquire(2)

    with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
        sem.release(3)

    assert sem.available == 1
    sem.release(2)
    assert sem.available == 3


@in_loop
async def test_more_than_a_bounded_semaphore_has_is_an_error_at_once():
    sem = permits.aio.BoundedSemaphore(2)

    with pytest.raises(permits.TooManyError, match="3.*2"):
        await sem.acquire(3)
    with pytest.raises(permits.TooManyError):
        await sem.permit(3)

    assert sem.available == 2 and sem.waiting == 0


@pytest.mark.parametrize("n, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError)])
@in_loop
async def test_a_release_of_a_bad_number_changes_nothing(n, error):
    sem = permits.aio.Semaphore(1)

    with pytest.raises(error):
        sem.release(n)

    assert sem.available == 1


@pytest.mark.parametrize("n, error", [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
@in_loop
async def test_an_acquire_of_a_bad_number_changes_nothing(n, error):
    sem = permits.aio.Semaphore(1)

    with pytest.raises(error):
        await sem.acquire(n)

    assert sem.available == 1 and sem.waiting == 0
