"""Handles that are pickled, and the workers of multiprocessing that get them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time

import pytest

from helpers_async import DEADLINE, eventually
from host.conftest import counts, may_fork, refused, waiter_of_this_process

pytestmark = may_fork


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_handle_opens_the_same_semaphore(opened, protocol):
    sem = opened(3, label="one of many")
    sem.acquire()

    copy = pickle.loads(pickle.dumps(sem, protocol))

    assert (copy.name, copy.path, copy.max_permits, copy.available) == (sem.name, sem.path, 3, 2)
    assert copy.release() is True
    assert counts(sem) == (3, 0, 0)


def test_a_handle_is_pickled_whatever_its_semaphore_was_resized_to(opened):
    sem = opened(3)
    sem.resize(5)

    assert pickle.loads(pickle.dumps(sem)).max_permits == 5


def test_the_pickle_of_a_semaphore_that_is_gone_is_an_error(opened):
    sem = opened(1)
    pickled = pickle.dumps(sem)
    os.unlink(sem.path)

    refused("not-found", pickle.loads, pickled)


def test_permits_do_not_pickle(opened):
    permit = opened(1).permit()

    with pytest.raises(TypeError):
        pickle.dumps(permit)

    assert permit.count == 1


by_start = pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])


@pytest.fixture
def workers():
    """Starts processes of multiprocessing, and ends with the test those that are left."""
    started = []

    def starts(context, target, *args):
        process = context.Process(target=target, args=args, daemon=True)
        process.start()
        started.append(process)
        return process

    yield starts
    for process in started:
        process.kill()
        process.join(DEADLINE)


def works(sem, start, inside, most, rounds):
    """What a worker does; `inside` and `most` are numbers that all workers share."""
    start.wait(30)
    for _ in range(rounds):
        with sem:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            time.sleep(0.001)
            with inside.get_lock():
                inside.value -= 1


@by_start
def test_the_workers_of_multiprocessing_are_limited_to_max(opened, workers, start):
    context = multiprocessing.get_context(start)
    sem = opened(2)
    inside, most, together = context.Value("i", 0), context.Value("i", 0), context.Barrier(4)

    started = [workers(context, works, sem, together, inside, most, 15) for _ in range(4)]
    for worker in started:
        worker.join(30)

    assert [worker.exitcode for worker in started] == [0] * 4
    assert (inside.value, most.value) == (0, 2)
    assert counts(sem) == (2, 0, 0)


def holds_for_ever(sem, ready):
    with sem:
        ready.set()
        time.sleep(60)


@by_start
@pytest.mark.parametrize("waiter", ["thread", "task"])
def test_a_worker_killed_in_with_gives_its_permit_back(opened, workers, start, waiter):
    context = multiprocessing.get_context(start)
    sem, ready = opened(1), context.Event()
    worker = workers(context, holds_for_ever, sem, ready)
    assert ready.wait(30)
    assert counts(sem) == (0, 1, 0)
    waits = waiter_of_this_process(waiter, sem)
    assert eventually(lambda: sem.waiting == 1)

    worker.kill()

    assert waits.result(DEADLINE) is True
    worker.join(DEADLINE)
    assert worker.exitcode == -signal.SIGKILL
    assert counts(sem) == (0, 0, 1)


def waits_and_says(sem, outcome):
    sem.acquire()
    outcome.value = 1


@by_start
def test_a_waiting_worker_that_is_killed_does_not_stop_the_queue(opened, workers, start):
    context = multiprocessing.get_context(start)
    sem = opened(1)
    sem.acquire()
    outcomes = [context.Value("i", 0) for _ in range(2)]
    started = []
    for number, outcome in enumerate(outcomes):
        started.append(workers(context, waits_and_says, sem, outcome))
        assert eventually(lambda: sem.waiting == number + 1, 30)

    started[0].kill()
    started[0].join(DEADLINE)
    sem.release()

    started[1].join(DEADLINE)
    assert started[1].exitcode == 0
    assert [outcome.value for outcome in outcomes] == [0, 1]


def pooled(sem, number):
    with sem:
        return number, sem.given_out


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_pool_takes_the_handle_as_an_argument(opened, start):
    sem = opened(2)

    # Its end terminates what hangs, which that of a ProcessPoolExecutor waits for.
    with multiprocessing.get_context(start).Pool(3) as pool:
        results = [done.get(30) for done in [pool.apply_async(pooled, (sem, number)) for number in range(12)]]

    assert [number for number, _ in results] == list(range(12))
    assert max(out for _, out in results) <= 2
    assert counts(sem) == (2, 0, 0)
