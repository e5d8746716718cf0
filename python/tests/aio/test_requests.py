"""Requests as objects: never awaited, awaited twice, driven by hand, closed, dropped."""

from __future__ import annotations

import asyncio
import gc

import pytest

import permits
from aio.conftest import awaited, by_door, by_repaired, full, queued
from helpers_async import in_loop

pytestmark = pytest.mark.timeout(30)


@by_door
@in_loop
async def test_nothing_happens_before_a_request_is_awaited(door):
    sem = door.Semaphore(1)

    request = sem.acquire()
    assert not sem.locked()

    await request
    assert sem.locked()


@by_door
@in_loop
async def test_a_request_that_is_never_awaited_warns_and_takes_nothing(door):
    sem = door.Semaphore(1)

    with pytest.warns(RuntimeWarning, match=r"acquire' was never awaited"):
        sem.acquire()
        gc.collect()

    assert not sem.locked()


@in_loop
async def test_a_permit_request_that_is_never_awaited_warns_and_takes_nothing():
    sem = permits.aio.Semaphore(1)

    with pytest.warns(RuntimeWarning, match="never awaited"):
        sem.permit()
        gc.collect()

    assert not sem.locked()


@by_door
@in_loop
async def test_a_request_closed_before_it_was_awaited_does_not_warn(door, recwarn):
    sem = door.Semaphore(1)

    request = sem.acquire()
    request.close()
    del request
    gc.collect()

    assert not recwarn.list
    assert not sem.locked()


@by_door
@in_loop
async def test_a_request_awaited_twice_is_an_error_and_takes_one_permit(door):
    sem = door.Semaphore(2)
    request = sem.acquire()

    assert await request is True
    with pytest.raises(RuntimeError, match="cannot reuse (an )?already awaited"):
        await request

    assert sem._value == 1


@by_door
@in_loop
async def test_a_request_awaited_by_two_tasks_at_once_is_an_error_for_the_second(door):
    sem = await full(door)
    request = sem.acquire()
    first = asyncio.create_task(awaited(request))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="being awaited already"):
        await request

    sem.release()
    assert await first is True
    assert sem.locked()


@by_door
@in_loop
async def test_a_free_request_driven_by_hand_stops_with_true(door):
    sem = door.Semaphore(1)

    with pytest.raises(StopIteration) as stopped:
        sem.acquire().send(None)

    assert stopped.value.value is True
    assert sem.locked()


@by_door
@in_loop
async def test_an_error_thrown_into_a_fresh_request_comes_out_and_nothing_is_taken(door):
    sem = door.Semaphore(1)
    request = sem.acquire()

    with pytest.raises(LookupError, match="thrown"):
        request.throw(LookupError("thrown"))

    assert not sem.locked()


@by_repaired
@in_loop
async def test_an_error_thrown_into_a_waiting_request_comes_out_and_leaves_the_queue(door):
    sem = await full(door)
    request = sem.acquire()
    request.send(None)

    with pytest.raises(LookupError, match="thrown"):
        request.throw(LookupError("thrown"))

    sem.release()
    assert not sem.locked()


@by_repaired
@in_loop
async def test_a_waiting_request_that_is_closed_leaves_the_queue(door):
    sem = await full(door)
    request = sem.acquire()
    request.send(None)

    request.close()

    sem.release()
    assert not sem.locked()


@in_loop
async def test_a_granted_request_that_is_closed_passes_its_grant_on():
    sem = await full(permits.aio)
    request = sem.acquire()
    request.send(None)
    (behind,) = await queued(sem, 1)
    sem.release()

    request.close()

    assert await asyncio.wait_for(behind, 1) is True


@in_loop
async def test_a_waiting_request_that_is_dropped_leaves_the_queue():
    sem = await full(permits.aio)
    request = sem.acquire()
    request.send(None)
    assert sem.waiting == 1

    del request
    gc.collect()

    assert sem.waiting == 0
    sem.release()
    assert sem.available == 1
