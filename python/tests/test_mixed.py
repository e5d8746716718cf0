"""One object for threads and for the tasks of several event loops in several threads (C17)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import signal
import threading
import time

import pytest

import permits
from helpers_async import DEADLINE, LoopThread, background, eventually, python, settled, turns
from permits import BoundedSemaphore, CountSemaphore, Semaphore

pytestmark = pytest.mark.timeout(30)


@contextlib.contextmanager
def two_loops():
    with LoopThread() as one, LoopThread() as other:
        yield one, other


def full(kind, fair=True):
    """A semaphore of one permit, that is out."""
    sem = kind(1, fair=fair)
    assert sem.acquire(False)
    return sem


CLASSES = pytest.mark.parametrize("kind", [CountSemaphore, Semaphore, BoundedSemaphore])


# Order across kinds


@CLASSES
def test_threads_and_tasks_of_two_loops_are_served_in_the_order_of_their_coming(kind):
    sem = full(kind)
    got = []

    def thread(number):
        sem.acquire()
        got.append(number)
        sem.release()

    def guarded(number):
        with sem:
            got.append(number)

    async def task(number):
        await sem.acquire_async()
        got.append(number)
        sem.release()

    async def guarded_task(number):
        async with sem.permit_async():
            got.append(number)

    with two_loops() as (one, other):
        ways = [
            lambda number: background(thread, number),
            lambda number: one.submit(task(number)),
            lambda number: background(guarded, number),
            lambda number: other.submit(task(number)),
            lambda number: one.submit(guarded_task(number)),
        ]
        dice, done = random.Random(4), []
        for number in range(40):
            done.append(dice.choice(ways)(number))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(40))
    assert (sem.available, sem.waiting) == (1, 0)


def test_releasers_of_all_kinds_are_served_in_the_order_of_their_coming():
    sem = CountSemaphore(1, fair=True)
    got = []

    def thread(number):
        sem.release()
        got.append(number)

    async def task(number):
        await sem.release_async()
        got.append(number)

    with two_loops() as (one, other):
        ways = [
            lambda number: background(thread, number),
            lambda number: one.submit(task(number)),
            lambda number: other.submit(task(number)),
        ]
        done = []
        for number in range(30):
            done.append(ways[number % 3](number))
            assert eventually(lambda: sem.waiting_releasers == number + 1)
        for number in range(30):
            sem.acquire()
            done[number].result(DEADLINE)

    assert got == list(range(30))
    assert (sem.available, sem.waiting) == (1, 0)


def test_two_loops_are_served_in_order_by_the_drop_in_for_asyncio():
    sem = permits.aio.Semaphore(0)
    got = []

    async def task(number):
        async with sem:
            got.append(number)

    with two_loops() as loops:
        done = []
        for number in range(30):
            done.append(loops[number % 2].submit(task(number)))
            assert eventually(lambda: sem.waiting == number + 1)
        sem.release()
        for future in done:
            future.result(DEADLINE)

    assert got == list(range(30))
    assert (sem.available, sem.waiting) == (1, 0)


def test_a_newcomer_of_any_kind_passes_nobody_if_it_is_fair():
    sem = CountSemaphore(2, fair=True)
    sem.acquire()

    with LoopThread() as loop:
        head = loop.submit(sem.acquire_async(2))
        assert eventually(lambda: sem.waiting == 1)

        assert sem.acquire(blocking=False) is False
        assert sem.acquire(timeout=0.01) is False
        newcomer = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 2)
        assert sem.available == 1

        sem.release()
        assert head.result(DEADLINE) is True
        sem.release()
        assert newcomer.result(DEADLINE) is True


# Who waits, who releases

WAITERS = ["thread", "thread with a timeout", "task", "guarded task"]
HANDS = [
    "thread",
    "with of a thread",
    "permit of a thread",
    "task of the same loop",
    "callback of the same loop",
    "task of another loop",
]


@pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("waiter", WAITERS)
def test_whoever_waits_is_woken_by_whoever_returns(waiter, hand, fair):
    sem = CountSemaphore(1, fair=fair)
    taken, leave = threading.Event(), threading.Event()

    def holds():
        if hand == "with of a thread":
            with sem:
                taken.set()
                assert leave.wait(DEADLINE)
        else:
            with sem.permit():
                taken.set()
                assert leave.wait(DEADLINE)

    async def guarded():
        async with sem:
            return True

    with two_loops() as (one, other):
        if hand.endswith("of a thread"):
            holder = background(holds)
            assert taken.wait(DEADLINE)
        else:
            sem.acquire()

        if waiter == "thread":
            waits = background(sem.acquire)
        elif waiter == "thread with a timeout":
            waits = background(sem.acquire, 1, DEADLINE)
        elif waiter == "task":
            waits = one.submit(sem.acquire_async())
        else:
            waits = one.submit(guarded())
        assert eventually(lambda: sem.waiting_acquirers == 1)

        if hand == "thread":
            background(sem.release).result(DEADLINE)
        elif hand.endswith("of a thread"):
            leave.set()
            holder.result(DEADLINE)
        elif hand == "task of the same loop":
            one.submit(sem.release_async()).result(DEADLINE)
        elif hand == "callback of the same loop":
            one.call(sem.release)
        else:
            other.submit(sem.release_async()).result(DEADLINE)

        assert waits.result(DEADLINE) is True
    assert sem.waiting == 0


@pytest.mark.parametrize("taker", ["thread", "task of the same loop", "task of another loop", "forgotten permit"])
@pytest.mark.parametrize("giver", ["thread", "thread with a timeout", "task"])
def test_whoever_waits_to_return_is_let_through_by_whoever_takes(giver, taker):
    sem = CountSemaphore(1)

    with two_loops() as (one, other):
        if giver == "thread":
            waits = background(sem.release)
        elif giver == "thread with a timeout":
            waits = background(sem.release, 1, DEADLINE)
        else:
            waits = one.submit(sem.release_async())
        assert eventually(lambda: sem.waiting_releasers == 1)

        if taker == "thread":
            background(sem.acquire).result(DEADLINE)
        elif taker == "task of the same loop":
            one.submit(sem.acquire_async()).result(DEADLINE)
        elif taker == "task of another loop":
            other.submit(sem.acquire_async()).result(DEADLINE)
        else:
            permit = sem.permit()
            # A held permit lets no release through.
            assert not waits.done() and sem.waiting_releasers == 1
            permit.forget()

        assert waits.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


def test_the_exercise_with_a_thread_and_a_task():
    sem = CountSemaphore(1)
    said = []

    async def taker():
        for _ in range(3):
            await sem.acquire_async()
            said.append("acquiring")

    def giver():
        for _ in range(3):
            assert eventually(lambda: sem.given_out == 1 and len(said) % 2 == 1)
            said.append("releasing")
            sem.release()

    with LoopThread() as loop:
        taking, giving = loop.submit(taker()), background(giver)
        taking.result(DEADLINE)
        giving.result(DEADLINE)

    assert said == ["acquiring", "releasing"] * 3


def test_close_wakes_threads_and_tasks_of_all_loops():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        waits = [
            background(sem.acquire),
            one.submit(sem.acquire_async()),
            other.submit(sem.acquire_async()),
            background(sem.permit),
        ]
        assert eventually(lambda: sem.waiting == 4)

        sem.close()

        assert [type(future.exception(DEADLINE)) for future in waits] == [permits.ClosedError] * 4
    assert sem.waiting == 0


def test_a_growing_semaphore_wakes_threads_and_tasks():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        waits = [background(sem.acquire), one.submit(sem.acquire_async()), other.submit(sem.acquire_async())]
        assert eventually(lambda: sem.waiting == 3)

        sem.resize(4)

        assert [future.result(DEADLINE) for future in waits] == [True] * 3
    assert (sem.available, sem.loose) == (0, 4)


def test_a_grant_of_a_cancelled_task_goes_to_a_thread_and_back():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()

    with LoopThread() as loop:

        async def granted_and_cancelled():
            task = asyncio.ensure_future(sem.acquire_async())
            assert await settled(lambda: sem.waiting == 1)
            queued.set()
            # The loop stands still meanwhile, so the task cannot have resumed.
            assert eventually(lambda: sem.waiting == 2)
            sem.release()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

        queued = threading.Event()
        task = loop.submit(granted_and_cancelled())
        assert queued.wait(DEADLINE)
        thread = background(sem.acquire)

        assert thread.result(DEADLINE) is True
        task.result(DEADLINE)
    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)


# Loops that stop, close, and come again


def waiting_on(loop, sem, what="acquire_async"):
    """A task of a loop that does not run now; it waits."""
    before = sem.waiting
    task = loop.create_task(getattr(sem, what)())
    loop.run_until_complete(turns(2))
    assert sem.waiting == before + 1
    return task


def quiet_loop():
    """A loop whose destroyed tasks are reported to nobody."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    return loop


@pytest.mark.parametrize("behind", ["thread", "task"])
def test_the_waiters_of_a_closed_loop_pass_their_grants_on(behind):
    sem = CountSemaphore(1, fair=True)
    sem.acquire()
    dead = quiet_loop()
    lost = [waiting_on(dead, sem) for _ in range(3)]

    with LoopThread() as alive:
        waits = background(sem.acquire) if behind == "thread" else alive.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 4)
        dead.close()

        sem.release()

        assert waits.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)
    assert not any(task.done() for task in lost)


def test_the_releasers_of_a_closed_loop_return_nothing():
    sem = CountSemaphore(1, fair=True)
    dead = quiet_loop()
    lost = [waiting_on(dead, sem, "release_async") for _ in range(3)]
    thread = background(sem.release)
    assert eventually(lambda: sem.waiting_releasers == 4)
    dead.close()

    sem.acquire()

    assert thread.result(DEADLINE) is True
    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)
    assert not any(task.done() for task in lost)


def test_a_permit_granted_to_a_closed_loop_returns():
    sem = CountSemaphore(1, fair=True)
    held = sem.permit()
    dead = quiet_loop()
    lost = waiting_on(dead, sem, "permit_async")
    dead.close()

    held.release()

    assert sem.acquire(timeout=DEADLINE)
    assert (sem.loose, sem.given_out, sem.waiting) == (1, 1, 0)
    assert not lost.done()


def test_a_grant_to_a_loop_that_is_closed_before_it_runs_again_passes_on():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()
    dying = quiet_loop()
    lost = waiting_on(dying, sem)
    thread = background(sem.acquire)
    assert eventually(lambda: sem.waiting == 2)
    # Granted, as the loop might have run again.
    sem.release()
    assert sem.waiting == 1

    dying.close()
    del lost, dying
    gc.collect()

    assert thread.result(DEADLINE) is True


def test_a_loop_that_is_stopped_and_run_again_finds_its_grant():
    sem = CountSemaphore(1, fair=True)
    sem.acquire()

    with LoopThread() as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 1)
        loop.stop()

        sem.release()
        assert sem.waiting == 0
        assert not task.done()
        loop.start()

        assert task.result(DEADLINE) is True


def test_one_object_serves_one_asyncio_run_after_another_while_threads_wait():
    sem = CountSemaphore(2)
    stop = threading.Event()

    def keeps_on():
        while not stop.is_set():
            with sem:
                pass
        return True

    async def contended():
        async def worker():
            async with sem:
                await asyncio.sleep(0)

        await asyncio.gather(*(worker() for _ in range(10)))

    threads = [background(keeps_on) for _ in range(2)]
    for _ in range(20):
        asyncio.run(asyncio.wait_for(contended(), DEADLINE))
    stop.set()

    assert all(thread.result(DEADLINE) for thread in threads)
    assert (sem.available, sem.given_out, sem.waiting) == (2, 0, 0)


def test_asyncio_run_that_ends_with_waiters_leaves_none():
    sem = CountSemaphore(1)
    sem.acquire()

    async def leaves_tasks_behind():
        tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(5)]
        await asyncio.sleep(0)
        assert sem.waiting == 5
        return tasks

    # It cancels what is left.
    tasks = asyncio.run(leaves_tasks_behind())

    assert all(task.cancelled() for task in tasks)
    assert sem.waiting == 0
    sem.release()
    assert sem.available == 1


# No thread, no runtime

NO_THREADS = """
import asyncio, os, threading
import permits

def threads():
    return len(os.listdir("/proc/self/task")), threading.active_count()

before = threads()
seen = {before}

async def main(sem, acquire):
    tasks = [asyncio.ensure_future(acquire()) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0.01)
        seen.add(threads())
    for task in tasks:
        sem.release()
        await task
        seen.add(threads())

for sem in permits.CountSemaphore(1), permits.Semaphore(1), permits.BoundedSemaphore(1):
    sem.acquire()
    asyncio.run(main(sem, sem.acquire_async))
    sem.acquire(timeout=0.05)
    seen.add(threads())
for sem in permits.aio.Semaphore(0), :
    asyncio.run(main(sem, sem.acquire))
seen.add(threads())
print(seen == {(1, 1)}, sorted(seen))
"""


def test_no_thread_is_started():
    assert python(NO_THREADS) == "True [(1, 1)]\n"


def test_no_thread_is_added_while_threads_and_loops_wait():
    sem = CountSemaphore(1)
    sem.acquire()

    with two_loops() as (one, other):
        before = threading.active_count()
        waits = [one.submit(sem.acquire_async()) for _ in range(10)] + [other.submit(sem.acquire_async())]
        assert eventually(lambda: sem.waiting == 11)
        assert threading.active_count() == before

        for _ in waits:
            sem.release()
        for future in waits:
            assert future.result(DEADLINE) is True
        assert threading.active_count() == before


# The end of the interpreter, and children

ENDS = """
import asyncio, atexit, sys, threading, time
import permits

how = sys.argv[1]
sem = permits.CountSemaphore(1)
permit = sem.permit()
# It wakes who waits while the interpreter ends.
atexit.register(permit.release)

async def main():
    await sem.acquire_async()

if how == "thread":
    threading.Thread(target=sem.acquire, daemon=True).start()
elif how == "thread with a timeout":
    threading.Thread(target=sem.acquire, args=(1, 100), daemon=True).start()
elif how == "loop of a thread":
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
else:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(main())
    loop.run_until_complete(asyncio.sleep(0.01))
while sem.waiting == 0:
    time.sleep(0.001)
print("ends")
"""


@pytest.mark.parametrize("how", ["thread", "thread with a timeout", "loop of a thread", "loop that is left"])
def test_an_interpreter_that_ends_while_it_waits_ends(how):
    assert python(ENDS, how) == "ends\n"


FORKS = """
import asyncio, os, sys
import permits

sem = permits.CountSemaphore(1)
sem.acquire()

async def main():
    tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(3)]
    await asyncio.sleep(0)
    pid = os.fork()
    if pid == 0:
        # The tasks of the parent wait in the parent; here the queue is empty, and the count as it was.
        seen = sem.waiting, sem.available, sem.loose
        sem.release()
        took = sem.acquire(blocking=False)
        os._exit(0 if (seen, took) == ((0, 0, 1), True) else 3)
    status = os.waitpid(pid, 0)[1]
    for task in tasks:
        sem.release()
        assert await task is True
    print(os.WEXITSTATUS(status), sem.waiting, sem.loose)

asyncio.run(asyncio.wait_for(main(), 20))
"""


def test_a_fork_while_tasks_wait_leaves_parent_and_child_at_work():
    assert python(FORKS) == "0 0 1\n"


# Crowds


@pytest.mark.parametrize("kind", ["CountSemaphore", "aio.Semaphore"])
def test_ten_thousand_waiting_tasks_are_cancelled_in_any_order(kind):
    count = 10_000
    sem = permits.aio.Semaphore(0) if kind == "aio.Semaphore" else CountSemaphore(1)
    request = sem.acquire if kind == "aio.Semaphore" else sem.acquire_async
    if kind == "CountSemaphore":
        sem.acquire()

    async def main():
        tasks = [asyncio.ensure_future(request()) for _ in range(count)]
        await asyncio.sleep(0)
        assert sem.waiting == count
        order = tasks[:]
        random.Random(7).shuffle(order)
        # The last ten stay, in whatever places they have.
        for task in order[:-10]:
            task.cancel()
        await asyncio.gather(*order[:-10], return_exceptions=True)
        assert sem.waiting == 10
        got = []
        left = [task for task in tasks if task in set(order[-10:])]
        for task in left:
            task.add_done_callback(got.append)
        for _ in left:
            sem.release()
            await turns(3)
        assert got == left

    began = time.monotonic()
    asyncio.run(main())

    # A cancel that walks the queue would take a minute.
    assert time.monotonic() - began < 10
    assert sem.waiting == 0


def test_three_hundred_thousand_requests_leave_the_queue_in_any_order():
    count = 300_000
    sem = CountSemaphore(1)
    sem.acquire()

    async def main():
        requests = [sem.acquire_async() for _ in range(count)]
        for request in requests:
            request.send(None)
        assert sem.waiting == count
        survivor = requests.pop(count // 2)
        random.Random(8).shuffle(requests)
        for request in requests:
            request.close()
        assert sem.waiting == 1
        sem.release()
        with pytest.raises(StopIteration):
            survivor.send(None)

    asyncio.run(main())

    assert (sem.available, sem.loose, sem.waiting) == (0, 1, 0)


@pytest.mark.parametrize("end", ["closed loop", "cancelled", "close"])
def test_fifty_thousand_waiters_are_passed_over_in_one_release(end):
    count = 50_000
    sem = CountSemaphore(1)
    sem.acquire()
    loop = quiet_loop()
    requests = [sem.acquire_async() for _ in range(count)]

    async def queue():
        for request in requests:
            request.send(None)

    async def cancel():
        tasks = [asyncio.ensure_future(sem.acquire_async()) for _ in range(count)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        # None of them has run since, so each is found out by the one before it.
        sem.release()
        assert (sem.available, sem.waiting) == (1, 0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)

    if end == "cancelled":
        for request in requests:
            request.close()
        loop.run_until_complete(cancel())
        loop.close()
    else:
        loop.run_until_complete(queue())
        assert sem.waiting == count
        if end == "closed loop":
            loop.close()
            sem.release()
        else:
            sem.close()
            with pytest.raises(permits.ClosedError):
                requests[-1].send(None)
            sem.release()
            loop.close()

    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


def test_requests_may_be_closed_by_any_thread_while_they_are_granted():
    sem = CountSemaphore(1)
    sem.acquire()
    loop = quiet_loop()
    requests = [sem.acquire_async() for _ in range(4000)]

    async def queue():
        for request in requests:
            request.send(None)

    def closes(mine):
        for request in mine:
            request.close()

    loop.run_until_complete(queue())
    threads = [background(closes, requests[number::3]) for number in range(3)]
    while not all(thread.done() for thread in threads):
        sem.release(blocking=False)
    for thread in threads:
        thread.result(DEADLINE)
    sem.release(blocking=False)
    loop.close()

    assert (sem.available, sem.loose, sem.waiting) == (1, 0, 0)


@pytest.mark.parametrize("fair", [False, True], ids=["overtaking", "fair"])
def test_threads_and_loops_together_never_hold_more_than_permitted(fair):
    sem = CountSemaphore(3, fair=fair)
    guard = threading.Lock()
    inside = most = passed = 0

    def enter(n):
        nonlocal inside, most
        with guard:
            inside += n
            most = max(most, inside)

    def leave(n):
        nonlocal inside, passed
        with guard:
            inside -= n
            passed += 1

    def thread(seed):
        dice = random.Random(seed)
        for _ in range(150):
            n = dice.randrange(1, 4)
            with sem.permit(n):
                enter(n)
                leave(n)

    async def task(seed):
        dice = random.Random(seed)
        for _ in range(15):
            n = dice.randrange(1, 4)
            async with sem.permit_async(n):
                enter(n)
                await turns(dice.randrange(2))
                leave(n)

    with two_loops() as (one, other):
        done = [background(thread, seed) for seed in range(3)]
        done += [loop.submit(task(seed)) for seed in range(10) for loop in (one, other)]
        for future in done:
            future.result(DEADLINE)

    assert most <= 3 and inside == 0
    assert passed == 3 * 150 + 20 * 15
    assert (sem.available, sem.given_out, sem.waiting) == (3, 0, 0)


def test_cancels_and_timeouts_of_threads_and_tasks_lose_no_permit():
    sem = CountSemaphore(2)
    over = threading.Event()

    def thread(seed):
        dice = random.Random(seed)
        while not over.is_set():
            if sem.acquire(timeout=dice.random() * 0.001):
                assert sem.release(blocking=False)

    async def task(seed):
        dice = random.Random(seed)
        while not over.is_set():
            try:
                async with await asyncio.wait_for(sem.permit_async(), dice.random() * 0.001):
                    await asyncio.sleep(0)
            except asyncio.TimeoutError:
                pass

    with two_loops() as (one, other):
        done = [background(thread, seed) for seed in range(2)]
        done += [loop.submit(task(seed)) for seed in range(4) for loop in (one, other)]
        over.wait(1.5)
        over.set()
        for future in done:
            future.result(DEADLINE)
    gc.collect()

    assert (sem.available, sem.given_out, sem.waiting) == (2, 0, 0)


def test_a_python_signal_handler_may_release_what_a_loop_in_another_thread_waits_for():
    sem = CountSemaphore(1)
    sem.acquire()
    before = signal.signal(signal.SIGUSR1, lambda *_: sem.release())

    try:
        with LoopThread() as loop:
            task = loop.submit(sem.acquire_async())
            assert eventually(lambda: sem.waiting == 1)
            signal.raise_signal(signal.SIGUSR1)

            assert task.result(DEADLINE) is True
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_release_of_another_thread_wakes_a_loop_in_debug_mode():
    sem = CountSemaphore(1)
    sem.acquire()

    with LoopThread(debug=True) as loop:
        task = loop.submit(sem.acquire_async())
        assert eventually(lambda: sem.waiting == 1)
        background(sem.release).result(DEADLINE)

        assert task.result(DEADLINE) is True
