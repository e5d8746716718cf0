"""What the tests of `Semaphore` and `BoundedSemaphore` in the place of `threading`'s share: what both must do alike runs against both."""

from __future__ import annotations

import threading

import pytest

import permits

alike = pytest.mark.parametrize("module", [threading, permits], ids=["threading", "permits"])
both_kinds = pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
ours = pytest.mark.parametrize("cls", [permits.Semaphore, permits.BoundedSemaphore])


@pytest.fixture
def new(module, kind):
    return getattr(module, kind)
