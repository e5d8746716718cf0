"""In which ways the main thread can be blocked."""

from __future__ import annotations

import pytest

# Ways in which the main thread can be blocked. `sem` has nothing for it.
BLOCKED = {
    "CountSemaphore.acquire": ("sem = permits.CountSemaphore(1); sem.acquire()", "sem.acquire()"),
    "CountSemaphore.acquire timed": ("sem = permits.CountSemaphore(1); sem.acquire()", "sem.acquire(1, 60)"),
    "CountSemaphore.acquire many fair": ("sem = permits.CountSemaphore(3, fair=True); sem.acquire()", "sem.acquire(3)"),
    "CountSemaphore.release": ("sem = permits.CountSemaphore(1)", "sem.release()"),
    "CountSemaphore.release timed": ("sem = permits.CountSemaphore(1)", "sem.release(timeout=60)"),
    "CountSemaphore.permit": ("sem = permits.CountSemaphore(1); sem.acquire()", "sem.permit()"),
    "CountSemaphore.with": ("sem = permits.CountSemaphore(1); sem.acquire()", "with sem: print('it entered')"),
    "Semaphore.acquire": ("sem = permits.Semaphore(0)", "sem.acquire()"),
    "Semaphore.acquire timed": ("sem = permits.Semaphore(0)", "sem.acquire(timeout=60)"),
    "Semaphore.permit": ("sem = permits.Semaphore(0)", "sem.permit(timeout=60)"),
    "Semaphore.with": ("sem = permits.Semaphore(0)", "with sem: print('it entered')"),
    "BoundedSemaphore.acquire": ("sem = permits.BoundedSemaphore(1); sem.acquire()", "sem.acquire()"),
    "BoundedSemaphore.permit": ("sem = permits.BoundedSemaphore(1); sem.acquire()", "sem.permit()"),
    "BoundedSemaphore.with": ("sem = permits.BoundedSemaphore(1); sem.acquire()", "with sem: print('it entered')"),
}
every_way = pytest.mark.parametrize("way", BLOCKED)
