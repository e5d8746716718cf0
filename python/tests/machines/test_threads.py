"""`EtcdSemaphore` among threads: requests, permits, closing and resizing."""

from __future__ import annotations

import pickle

import pytest

import permits
from conftest import in_thread, wait_until
from machines.conftest import SOON, counts


def test_release_waits_for_an_acquire_of_another_client(opened):
    giver, taker = opened(1), opened()
    said = []

    def give():
        giver.release(timeout=SOON)
        said.append("released")

    giving = in_thread(give)
    wait_until(lambda: taker.waiting_releasers == 1, SOON)
    assert said == []
    taker.acquire(timeout=SOON)
    giving.result(SOON)

    assert said == ["released"]
    wait_until(lambda: counts(taker) == (1, 0, 0), SOON)


def test_acquirers_of_all_clients_are_served_in_order(opened):
    clients = [opened(1), opened(), opened()]
    first = clients[0].permit()
    order = []

    def take(number):
        with clients[number].permit(timeout=SOON):
            order.append(number)

    taking = []
    for number in (2, 1, 0):
        taking.append(in_thread(take, number))
        wait_until(lambda: clients[0].waiting_acquirers == len(taking), SOON)
    first.release()
    for one in taking:
        one.result(SOON)

    assert order == [2, 1, 0]


def test_other_threads_run_while_one_waits(opened):
    sem = opened(1)
    permit = sem.permit()
    waiting = in_thread(sem.permit, 1, SOON)

    # These are Python code of this thread: they would stand still if the other held the interpreter.
    wait_until(lambda: sem.waiting == 1, SOON)
    assert not waiting.is_done()
    permit.release()

    assert waiting.result(SOON).token is not None


def test_tokens_grow_from_grant_to_grant(opened):
    sem, other = opened(2), opened()
    tokens = []
    for _ in range(3):
        with sem.permit() as one, other.permit(timeout=SOON) as two:
            tokens += [one.token, two.token]
        wait_until(lambda: sem.available == 2, SOON)

    assert tokens == sorted(set(tokens)) and tokens[0] > 0


def test_what_cannot_be_had_in_time_is_told(opened):
    sem = opened(1)
    permit = sem.permit()

    assert sem.acquire(blocking=False) is False
    assert sem.acquire(timeout=0.01) is False
    assert sem.release(timeout=0.01) is False
    with pytest.raises(permits.WouldBlockError):
        sem.permit(blocking=False)
    with pytest.raises(permits.WaitTimeoutError, match="`1`"):
        sem.permit(timeout=0.01)
    with pytest.raises(permits.TooManyError, match="asked for `2` permits.*has `1`"):
        sem.acquire(2)
    assert sem.acquire(0) is True

    wait_until(lambda: sem.waiting == 0, SOON)
    assert counts(sem) == (0, 1, 0)
    permit.release()


def test_permits_are_split_merged_and_forgotten(opened):
    sem = opened(4)
    permit = sem.permit(3)

    part = permit.split(2)
    assert (permit.count, part.count, permit.token) == (1, 2, part.token)
    permit.merge(part)
    assert (permit.count, part.count, part.token) == (3, 0, None)
    permit.forget()

    assert counts(sem) == (1, 0, 3)
    assert sem.release(3) is True
    wait_until(lambda: counts(sem) == (4, 0, 0), SOON)


def test_permits_of_two_clients_are_not_merged(opened):
    one, two = opened(2).permit(), opened().permit()

    with pytest.raises(ValueError, match="both keep what they hold"):
        one.merge(two)

    assert (one.count, two.count) == (1, 1)


def test_close_ends_the_waits_of_all_clients(opened):
    sem, other = opened(1), opened()
    permit = sem.permit()
    waiting = in_thread(other.acquire, 1, SOON)
    wait_until(lambda: sem.waiting == 1, SOON)

    sem.close()

    with pytest.raises(permits.ClosedError):
        waiting.result(SOON)
    with pytest.raises(permits.ClosedError):
        other.acquire(blocking=False)
    assert other.closed is True
    permit.release()
    wait_until(lambda: sem.available == 1, SOON)


def test_growing_serves_a_waiter_of_another_client(opened):
    sem, other = opened(1), opened()
    permit = sem.permit()
    waiting = in_thread(other.acquire, 2, SOON)
    wait_until(lambda: waiting.is_done() or sem.waiting == 1, SOON)
    with pytest.raises(permits.TooManyError):
        waiting.result(SOON)

    waiting = in_thread(other.acquire, 1, SOON)
    wait_until(lambda: sem.waiting == 1, SOON)
    sem.grow()

    assert waiting.result(SOON) is True
    sem.shrink()
    sem.resize(5)
    assert sem.max_permits == 5
    with pytest.raises(ValueError, match="cannot shrink by `5`: max_permits is `5`"):
        sem.shrink(5)
    permit.release()


def test_blocks_of_a_dropped_semaphore_return_what_they_hold(opened):
    sem = opened(2, ttl=600)
    other = opened()
    sem.__enter__()
    assert counts(other) == (1, 1, 0)

    del sem

    wait_until(lambda: counts(other) == (2, 0, 0), SOON)


def test_it_says_what_it_is_without_asking_a_server(own_server):
    address = own_server.address("team-a/deploy%2Fx?ttl=30s")
    sem = permits.connect(address, 2)
    own_server.end()

    assert repr(sem) == "<permits.EtcdSemaphore at {:#x}: {}>".format(id(sem), address)
    assert (sem.name, sem.address, sem.fair) == ("deploy/x", address, True)
    with pytest.raises(TypeError, match="open it by its address in the other process"):
        pickle.dumps(sem)
