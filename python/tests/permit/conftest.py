"""What the tests of permits share."""

from __future__ import annotations

import pytest

from permits import BoundedSemaphore, CountSemaphore, Semaphore

every_class = pytest.mark.parametrize("kind", [CountSemaphore, Semaphore, BoundedSemaphore])
