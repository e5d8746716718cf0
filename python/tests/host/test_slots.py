"""The numbers of permits."""

from __future__ import annotations

import asyncio
import pickle

from host.conftest import NAME, may_fork
from permits import CountSemaphore, HostSemaphore

pytestmark = may_fork


def test_each_permit_has_the_lowest_free_number(opened):
    sem = opened(3, numbered=True)

    first, rest = sem.permit(), sem.permit(2)
    assert (first.slots, rest.slots) == ((0,), (1, 2))
    part = rest.split()
    assert (rest.slots, part.slots) == ((1,), (2,))
    first.release()
    assert first.slots == ()
    first = sem.permit()
    assert first.slots == (0,)
    first.merge(part)
    assert (first.slots, part.slots) == ((0, 2), ())


def test_a_task_gets_numbers_as_well(opened):
    sem = opened(2, numbered=True)

    async def main():
        async with sem.permit_async() as one, sem.permit_async() as other:
            return one.slots, other.slots

    assert asyncio.run(main()) == ((0,), (1,))


def test_without_being_asked_for_there_are_none(opened):
    assert opened(1).permit().slots == ()
    assert CountSemaphore(1).permit().slots == ()


def test_the_numbers_of_the_killed_are_given_anew(opened, actor):
    sem = opened(2, numbered=True)
    other = actor()
    assert other.ask("permit 1") == "got 1"
    permit = sem.permit()
    assert permit.slots == (1,)
    other.kill()
    assert sem.permit().slots == (0,)


def test_it_stays_numbered_where_it_is_sent(opened):
    sem = opened(1, numbered=True)
    copy = pickle.loads(pickle.dumps(sem))

    assert isinstance(copy, HostSemaphore) and copy.name == NAME
    assert copy.permit().slots == (0,)
