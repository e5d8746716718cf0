"""What a child has: the counts as they were, what the forking thread held, and empty queues."""

from __future__ import annotations

from fork.programs import every_class, run


@every_class
def test_child_acquires_what_is_free_while_threads_of_the_parent_wait(new):
    out = run(
        """
        sem = eval(sys.argv[1])
        sem.acquire(n=2)
        waiters = [in_thread(lambda: sem.acquire(n=2)) for _ in range(3)]
        wait_until(lambda: sem.waiting == 3)

        def child():
            assert (sem.available, sem.waiting) == (1, 0), (sem.available, sem.waiting)
            assert sem.acquire(timeout=5) is True
            assert sem.acquire(blocking=False) is False
            sem.release(3)
            assert sem.available == 3
            with sem, sem.permit():
                assert sem.available == 1
            assert sem.available == 3

        in_child(child)
        # The parent's is as it was.
        assert (sem.available, sem.waiting) == (1, 3)
        for _ in range(3):
            sem.release(2)
            wait_until(lambda: sem.available <= 1)
        assert all(waiter.result() for waiter in waiters)
        print("done", sem.waiting)
        """,
        new,
    )

    assert out == "done 0\n"


def test_child_has_empty_queues_on_both_sides():
    out = run(
        """
        sem = permits.CountSemaphore(4, fair=True)
        sem.acquire(2)
        threads = [in_thread(sem.acquire, 3), in_thread(sem.release, 3)]
        wait_until(lambda: sem.waiting_acquirers == sem.waiting_releasers == 1)

        def child():
            assert sem.state() == (4, 2, 2, 2, 0, 0, 0, 0, False), sem.state()
            # Nobody is ahead of it, though the policy is strict.
            assert sem.acquire(2, blocking=False) is True
            assert sem.release(4, blocking=False) is True

        in_child(child)
        assert sem.state()[4:8] == (1, 3, 1, 3)
        sem.grow()
        print([thread.result() for thread in threads])
        """
    )

    assert out == "[True, True]\n"


@every_class
def test_child_waits_and_is_served_by_threads_of_its_own(new):
    out = run(
        """
        sem = eval(sys.argv[1])
        sem.acquire(n=3)
        waiter = in_thread(sem.acquire)
        wait_until(lambda: sem.waiting == 1)

        def child():
            mine = [in_thread(sem.acquire) for _ in range(3)]
            wait_until(lambda: sem.waiting == 3)
            assert sem.acquire(timeout=0.01) is False

            def give():
                for _ in range(4):
                    # A bounded one refuses until a woken thread has taken what it was woken for.
                    wait_until(released)

            def released():
                try:
                    sem.release()
                except ValueError:
                    return False
                return True

            giver = in_thread(give)
            assert sem.acquire(timeout=10) is True
            giver.result()
            assert [thread.result() for thread in mine] == [True] * 3
            assert (sem.available, sem.waiting) == (0, 0)

        # The child releases three of ours and the one it takes in between.
        in_child(child)
        assert (sem.available, sem.waiting) == (0, 1)
        sem.release()
        print(waiter.result())
        """,
        new,
    )

    assert out == "True\n"


def test_child_returns_what_the_forking_thread_held():
    out = run(
        """
        sem = permits.CountSemaphore(6)
        held = sem.permit(2)
        dropped = [sem.permit()]
        sem.acquire()

        def child():
            assert sem.given_out == 5, sem.state()
            held.release()
            assert held.count == 0
            assert sem.given_out == 3
            dropped.clear()
            assert sem.given_out == 2
            sem.release()
            assert (sem.given_out, sem.loose) == (1, 0)

        with sem:
            pid = os.fork()
            if pid == 0:
                signal.alarm(15)
                code = 1
                try:
                    child()
                    inside = sem.given_out
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
        if pid == 0:
            # It has left the block that the parent entered.
            os._exit(0 if (inside, sem.given_out, sem.available) == (1, 0, 6) else 2)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        assert (sem.given_out, sem.loose, held.count) == (4, 1, 2)
        held.release()
        dropped.clear()
        sem.release()
        print(sem.available)
        """
    )

    assert out == "6\n"


def test_child_splits_merges_and_forgets_what_the_forking_thread_held():
    out = run(
        """
        sem = permits.CountSemaphore(5)
        held = sem.permit(3)

        def child():
            one = held.split(1)
            other = sem.permit(1)
            one.merge(other)
            assert (held.count, one.count, other.count) == (2, 2, 0)
            held.forget()
            assert (sem.given_out, sem.loose) == (4, 2)
            assert sem.release(2) is True
            one.release()
            assert sem.available == 5

        in_child(child)
        print(held.count, sem.given_out, sem.loose)
        """
    )

    assert out == "3 3 0\n"


def test_permits_held_by_other_threads_stay_out_in_the_child():
    out = run(
        """
        sem = permits.CountSemaphore(4)
        inside, leave = threading.Barrier(3), threading.Event()

        def hold():
            with sem:
                inside.wait(20)
                leave.wait(20)

        threads = [in_thread(hold) for _ in range(2)]
        inside.wait(20)

        def child():
            assert (sem.available, sem.given_out, sem.loose) == (2, 2, 0)
            assert sem.acquire(2, 5) is True
            assert sem.acquire(blocking=False) is False
            assert sem.release(3, blocking=False) is False
            assert sem.release(2) is True

        in_child(child)
        leave.set()
        for thread in threads:
            thread.result()
        print(sem.available)
        """
    )

    assert out == "4\n"


def test_child_of_a_child_works():
    out = run(
        """
        sem = permits.CountSemaphore(2)
        held = sem.permit()
        waiter = in_thread(sem.acquire, 2)
        wait_until(lambda: sem.waiting == 1)

        def grandchild():
            assert (sem.given_out, sem.waiting) == (2, 0), sem.state()
            held.release()
            assert sem.acquire(blocking=False) is True

        def child():
            own = in_thread(sem.acquire, 2)
            wait_until(lambda: sem.waiting == 1)
            assert sem.acquire(blocking=False) is True
            in_child(grandchild)
            assert (sem.given_out, sem.waiting) == (2, 1), sem.state()
            sem.release()
            held.release()
            assert own.result() is True

        in_child(child)
        held.release()
        print(waiter.result(), sem.loose)
        """
    )

    assert out == "True 2\n"


def test_multiprocessing_by_fork_uses_it_in_the_child():
    out = run(
        """
        import multiprocessing
        sem = permits.BoundedSemaphore(2)

        def work(queue):
            with sem:
                queue.put(sem.available)

        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        with sem:
            worker = context.Process(target=work, args=(queue,))
            worker.start()
            print(queue.get())
            worker.join(15)
        print(worker.exitcode, sem.available)
        """
    )

    assert out == "0\n0 2\n"
