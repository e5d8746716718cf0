"""Ctrl-C and other signals during a wait."""

from __future__ import annotations

import pytest

from helpers_async import python
from host.conftest import NAME, may_fork

pytestmark = may_fork

INTERRUPTED = """
import os, signal, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
act = sys.argv[3]

def fire():
    while sem.waiting == 0:
        time.sleep(0.001)
    fired.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

fired = []
threading.Thread(target=fire, daemon=True).start()
try:
    getattr(sem, act)(timeout=20) if len(sys.argv) > 4 else getattr(sem, act)()
    print("not interrupted")
except KeyboardInterrupt:
    # (A loaded machine takes its time.)
    print("interrupted", time.monotonic() - fired[0] < 1, sem.waiting)
"""


@pytest.mark.parametrize("timed", [[], ["timed"]], ids=["for ever", "with a timeout"])
@pytest.mark.parametrize("act", ["acquire", "release", "permit"])
def test_ctrl_c_interrupts_a_wait_and_leaves_no_waiter(opened, directory, act, timed):
    sem = opened(1)
    if act != "release":
        sem.acquire()
    before = sem.state()

    assert python(INTERRUPTED, NAME, directory, act, *timed) == "interrupted True 0\n"

    assert sem.state() == before


HANDLED = """
import os, signal, sys, threading, time
import permits
sem = permits.HostSemaphore(sys.argv[1], directory=sys.argv[2])
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))

def fire():
    while sem.waiting == 0:
        time.sleep(0.001)
    while len(seen) < 10:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.01)

threading.Thread(target=fire, daemon=True).start()
began = time.monotonic()
print(sem.acquire(timeout=0.5), time.monotonic() - began >= 0.5, len(seen) >= 10)
"""


def test_signal_handlers_run_during_a_wait_and_do_not_shorten_it(opened, directory):
    sem = opened(1)
    sem.acquire()

    assert python(HANDLED, NAME, directory) == "False True True\n"
