"""Random schedules: against a model in one thread, and among many threads against what must hold in the end. Seeds are printed."""

from __future__ import annotations

import random
import time

import pytest

import permits
from conftest import in_thread, run_in_threads, run_script, wait_until
from permits import BoundedSemaphore, ClosedError, CountSemaphore, Semaphore, TooManyError, WouldBlockError

FRESH = random.SystemRandom().randrange(2**32)
seeds = pytest.mark.parametrize("seed", [*range(12), FRESH])


class Model:
    """What a CountSemaphore of one thread does, in the simplest way there is."""

    def __init__(self, max_permits):
        self.max, self.loose, self.held, self.closed = max_permits, 0, 0, False

    @property
    def free(self):
        return self.max - self.loose - self.held

    def take(self, n):
        """True, False, or the error."""
        if self.closed:
            return ClosedError
        if n > self.max:
            return TooManyError
        return n == 0 or n <= self.free

    def acquire(self, n):
        can = self.take(n)
        if can is True:
            self.loose += n
        return can

    def permit(self, n):
        can = self.take(n)
        if can is True:
            self.held += n
        return WouldBlockError if can is False else can

    def release(self, n):
        if n <= self.loose:
            self.loose -= n
            return True
        if n > self.max and not self.closed:
            return TooManyError
        return ClosedError if self.closed else False

    def resize(self, to):
        if not 1 <= to <= permits.MAX_PERMITS:
            return ValueError
        self.max = to
        return True

    def state(self):
        return (self.max, max(self.free, 0), self.loose + self.held, self.loose, 0, 0, 0, 0, self.closed)


def outcome(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except (ClosedError, TooManyError, WouldBlockError, ValueError) as error:
        return type(error)


@seeds
def test_random_calls_of_one_thread_agree_with_the_model(seed):
    print("seed", seed)
    rng = random.Random(seed)
    size = rng.randint(1, 6)
    sem, model = CountSemaphore(size, fair=rng.random() < 0.5), Model(size)
    held, entered, log = [], 0, []

    for step in range(500):
        n = rng.choice([0, 1, 1, 1, 2, 3, 5, 8])
        act = rng.choice(["acquire", "acquire", "release", "release", "permit", "permit", "drop", "give", "forget", "split", "merge",
                          "enter", "exit", "resize", "grow", "shrink", "close"])  # fmt: skip
        how = rng.choice([{"blocking": False}, {"timeout": 0}, {"timeout": -1}])
        found = expected = True
        if act == "acquire":
            found, expected = outcome(sem.acquire, n, **how), model.acquire(n)
        elif act == "release":
            found, expected = outcome(sem.release, n, **how), model.release(n)
        elif act == "permit":
            found, expected = outcome(sem.permit, n, blocking=False), model.permit(n)
            if expected is True:
                held.append(found)
                found = found.count == n
        elif act in ("drop", "give", "forget") and held:
            permit = held.pop(rng.randrange(len(held)))
            model.held -= permit.count
            if act == "forget":
                model.loose += permit.count
                permit.forget()
            elif act == "give":
                permit.release()
                permit.release()
            permit = None
        elif act == "split" and held:
            permit = rng.choice(held)
            if 0 < n <= permit.count:
                held.append(permit.split(n))
        elif act == "merge" and len(held) >= 2:
            one, other = rng.sample(held, 2)
            if one.count and other.count:
                one.merge(other)
                held.remove(other)
        elif act == "enter" and model.take(1) is True:
            found = sem.__enter__()
            model.held += 1
            entered += 1
        elif act == "exit" and entered:
            sem.__exit__(None, None, None)
            model.held -= 1
            entered -= 1
        elif act == "resize":
            found, expected = outcome(sem.resize, n) is not ValueError, model.resize(n) is not ValueError
        elif act == "grow":
            sem.grow(n)
            model.resize(model.max + n)
        elif act == "shrink":
            found, expected = outcome(sem.shrink, n) is not ValueError, model.resize(model.max - n) is not ValueError
        elif act == "close" and step > 450:
            sem.close()
            model.closed = True
        # No name but `held` may keep a permit.
        permit = one = other = None
        log.append((act, n))
        assert found is expected, (seed, log[-10:], found, expected, model.state())
        assert sem.state() == model.state(), (seed, log[-10:])

    held.clear()
    for _ in range(entered):
        sem.__exit__(None, None, None)
    assert sem.given_out == sem.loose == model.loose


@pytest.mark.parametrize("seed", [1, 2, 3, FRESH])
@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_eight_threads_keep_the_bounds_and_lose_nothing(fair, seed):
    print("seed", seed)
    size = 1 + seed % 4
    sem = CountSemaphore(size, fair=fair)
    inside, most = [], []

    def work(number):
        rng = random.Random(seed * 100 + number)
        for _ in range(150):
            n = rng.randint(1, size)
            timeout = rng.choice([None, 0, 0.00001, 0.0005, 0.01])
            try:
                permit = sem.permit(n, timeout)
            except (permits.WaitTimeoutError, WouldBlockError):
                continue
            inside.extend([number] * n)
            most.append(len(inside))
            if rng.random() < 0.3:
                time.sleep(rng.random() * 0.0005)
            for _ in range(n):
                inside.remove(number)
            if rng.random() < 0.5 and n > 1:
                permit.split(1).release()
            if rng.random() < 0.5:
                permit.release()
            # Else its last name goes; who waits while it holds could wait for itself.
            del permit

    run_in_threads(*[lambda number=number: work(number) for number in range(8)])

    assert most and max(most) <= size
    assert sem.state() == (size, size, 0, 0, 0, 0, 0, 0, False)


@pytest.mark.parametrize("seed", [1, 2, 3, FRESH])
@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_acquires_and_releases_that_wait_sum_up(fair, seed):
    print("seed", seed)
    size = 2 + seed % 4
    sem = CountSemaphore(size, fair=fair)
    odd = []

    def work(number):
        rng = random.Random(seed * 100 + number)
        taken = given = 0
        for _ in range(200):
            n, timeout = rng.randint(1, size), rng.choice([0, 0.00001, 0.0005, 0.003])
            if number % 2:
                taken += n * sem.acquire(n, timeout)
            else:
                given += n * sem.release(n, timeout)
            state = sem.state()
            # What was granted to a thread that has not run since is out, and not loose yet.
            if not (0 <= state.loose <= state.given_out <= size and state.available + state.given_out == size):
                odd.append(state)
        return taken, given

    sums = run_in_threads(*[lambda number=number: work(number) for number in range(8)])

    taken, given = (sum(column) for column in zip(*sums))
    assert taken > 0 and given > 0
    assert odd == []
    assert sem.state() == (size, size - taken + given, taken - given, taken - given, 0, 0, 0, 0, False)


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_as_many_acquires_as_releases_all_end(fair):
    sem = CountSemaphore(3, fair=fair)

    def repeat(call):
        return [call() for _ in range(400)] == [True] * 400

    results = run_in_threads(*[lambda: repeat(sem.acquire)] * 4, *[lambda: repeat(sem.release)] * 4)

    assert results == [True] * 8
    assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False)


@pytest.mark.parametrize("cls", [CountSemaphore, Semaphore, BoundedSemaphore])
def test_timeout_storm_leaves_every_permit_to_be_had(cls):
    sem = cls(4)
    sem.acquire(n=4)
    done = []

    def storm():
        while not done:
            if sem.acquire(timeout=1e-6):
                sem.release()

    stormers = [in_thread(storm) for _ in range(6)]
    time.sleep(0.3)  # The storm itself: no state is waited for.
    waiters = [in_thread(sem.acquire, timeout=10) for _ in range(4)]
    sem.release(4)

    assert [waiter.result() for waiter in waiters] == [True] * 4
    done.append(True)
    for stormer in stormers:
        stormer.result()
    assert (sem.available, sem.waiting) == (0, 0)


@pytest.mark.parametrize(("waiters", "releases", "passed"), [(50, 25, 25), (50, 50, 50), (20, 0, 0), (10, 30, 10)])
def test_as_many_pass_as_are_released_and_the_rest_time_out(waiters, releases, passed):
    sem = Semaphore(0)
    running = [in_thread(sem.acquire, timeout=0.5) for _ in range(waiters)]
    wait_until(lambda: sem.waiting == waiters or any(thread.is_done() for thread in running))

    for _ in range(releases):
        sem.release()

    assert sum(thread.result() for thread in running) == passed
    assert (sem._value, sem.waiting) == (releases - passed, 0)


@pytest.mark.parametrize("fair", [False, True], ids=["default", "fair"])
def test_random_resizes_under_load_lose_nothing(fair):
    sem = CountSemaphore(4, fair=fair)
    done = []

    def work(number):
        rng = random.Random(number)
        while not done:
            try:
                with sem.permit(rng.randint(1, 4), 0.001):
                    pass
            except (permits.WaitTimeoutError, TooManyError):
                pass

    threads = [in_thread(work, number) for number in range(4)]
    rng = random.Random(7)
    for _ in range(300):
        sem.resize(rng.randint(1, 5))
        time.sleep(0)
    sem.resize(4)
    done.append(True)
    for thread in threads:
        thread.result()

    assert sem.state() == (4, 4, 0, 0, 0, 0, 0, 0, False)


@pytest.mark.parametrize("seed", [1, FRESH])
def test_churn_with_timeouts_and_interruptions_loses_nothing(seed):
    print("seed", seed)

    out = run_script(
        """
        import permits, random
        seed = int(sys.argv[1])
        sem = permits.CountSemaphore(3, fair=seed % 2 == 0)
        done, interrupted = [], 0

        def work(number):
            rng = random.Random(seed + number)
            while not done:
                try:
                    with sem.permit(rng.randint(1, 3), rng.choice([None, 0.0001, 0.001])):
                        time.sleep(rng.random() * 0.0001)
                except permits.WaitTimeoutError:
                    pass

        def tick(*_):
            raise InterruptedError

        signal.signal(signal.SIGALRM, tick)
        threads = [in_thread(work, number) for number in range(8)]
        rng = random.Random(seed)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + rng.random() * 0.002)
                while True:
                    with sem.permit(rng.randint(1, 3)):
                        pass
            except InterruptedError:
                interrupted += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        done.append(True)
        for thread in threads:
            thread.result()
        assert sem.state() == (3, 3, 0, 0, 0, 0, 0, 0, False), (seed, sem.state())
        assert interrupted > 0, seed
        print("kept")
        """,
        seed,
    )

    assert out == "kept\n"
