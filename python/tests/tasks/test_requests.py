"""Requests as objects: never awaited, awaited twice, dropped, in cycles."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from helpers_async import in_loop, turns
from permits import CountSemaphore
from tasks.conftest import counts, one_permit, taken, verbs

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_nothing_happens_before_a_request_is_awaited(what):
    sem = taken(2, loose=1)

    request = getattr(sem, what)()
    assert counts(sem) == (1, 0, 1)
    assert sem.waiting == 0

    got = await request
    assert got and counts(sem) != (1, 0, 1)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_request_that_is_never_awaited_warns_with_its_name(what):
    sem = taken(2, loose=1)

    with pytest.warns(RuntimeWarning, match=rf"{what}' was never awaited"):
        getattr(sem, what)()
        gc.collect()

    assert counts(sem) == (1, 0, 1)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_request_awaited_twice_is_an_error(what):
    sem = taken(4, loose=2)
    request = getattr(sem, what)()

    got = await request
    after = sem.state()
    with pytest.raises(RuntimeError, match="already awaited"):
        await request

    assert sem.state() == after
    del got


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_a_waiting_request_that_is_dropped_leaves_the_queue(what):
    sem = one_permit(what, False)
    request, grant = verbs(sem, what)
    before = sem.state()
    dropped = request()
    dropped.send(None)
    assert sem.waiting == 1

    del dropped
    gc.collect()

    assert sem.state() == before


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
def test_a_request_awaited_outside_of_a_loop_is_an_error_and_takes_no_place(what):
    sem = one_permit(what, False)
    request, grant = verbs(sem, what)

    with pytest.raises(RuntimeError, match="no running event loop"):
        request().send(None)

    assert sem.waiting == 0


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
@in_loop
async def test_its_repr_tells_what_it_is(what):
    request = getattr(taken(2, loose=1), what)()

    assert what in repr(asyncio.ensure_future(request))
    await turns(3)


@pytest.mark.parametrize("what", ["acquire_async", "release_async", "permit_async"])
def test_a_cycle_of_loop_task_and_semaphore_is_collected(what):
    class Mine(CountSemaphore):
        pass

    sem = Mine(1)
    if what != "release_async":
        sem.acquire()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def waits(sem):
        await getattr(sem, what)()

    task = loop.create_task(waits(sem))
    sem.loop, sem.task = loop, task
    loop.run_until_complete(turns(3))
    assert sem.waiting == 1
    weak = [weakref.ref(thing) for thing in (sem, loop, task)]
    loop.close()

    del sem, loop, task
    gc.collect()
    gc.collect()

    assert [ref() for ref in weak] == [None, None, None]
