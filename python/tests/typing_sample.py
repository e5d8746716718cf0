"""What a type checker makes of the package.

Never run: `mypy --strict` reads it, and an ignore that is not needed is an error.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional, Union

import permits
import permits.aio
from permits import BoundedSemaphore, CountSemaphore, EtcdSemaphore, HostSemaphore, Permit, Semaphore, State

if TYPE_CHECKING:
    from typing_extensions import assert_type


def count() -> None:
    sem = CountSemaphore(3, fair=True)
    assert_type(sem.acquire(), bool)
    assert_type(sem.acquire(2), bool)
    assert_type(sem.acquire(2, 0.5), bool)
    assert_type(sem.acquire(n=2, timeout=1, blocking=True), bool)
    assert_type(sem.acquire(timeout=Decimal("0.5")), bool)
    assert_type(sem.acquire(timeout=Fraction(1, 2)), bool)
    assert_type(sem.acquire(False), bool)
    assert_type(sem.acquire(True, 0.5), bool)
    assert_type(sem.acquire(blocking=False), bool)
    assert_type(sem.release(2, timeout=None), bool)
    assert_type(sem.release(False), bool)
    with sem as entered:
        assert_type(entered, Literal[True])
    with sem.permit(2, 1.0) as permit:
        assert_type(permit, Permit)
    assert_type(permit.count, int)
    assert_type(permit.split(), Permit)
    permit.merge(sem.permit())
    assert_type(sem.state(), State)
    assert_type(sem.state().next_releaser, int)
    assert_type(sem.fair, bool)
    assert_type(sem.available, int)
    sem.resize(4)

    sem.acquire(1.5)  # type: ignore[call-overload]
    sem.acquire("2")  # type: ignore[call-overload]
    sem.acquire(timeout="2")  # type: ignore[call-overload]
    sem.permit(1.5)  # type: ignore[arg-type]
    sem.available = 3  # type: ignore[misc]
    CountSemaphore()  # type: ignore[call-arg]
    CountSemaphore("2")  # type: ignore[arg-type]
    permit.merge(sem)  # type: ignore[arg-type]


async def tasks() -> None:
    sem = CountSemaphore(3)
    assert_type(await sem.acquire_async(2), Literal[True])
    assert_type(await sem.release_async(), Literal[True])
    assert_type(await sem.permit_async(2), Permit)
    async with sem.permit_async() as permit:
        assert_type(permit, Permit)
    async with sem:
        pass
    async with await sem.permit_async() as permit:
        assert_type(permit, Permit)
    assert_type(await asyncio.create_task(sem.acquire_async()), Literal[True])
    assert_type(await asyncio.wait_for(sem.permit_async(), 1), Permit)
    await asyncio.gather(sem.acquire_async(), sem.release_async())


def threading() -> None:
    sem = Semaphore()
    assert_type(sem.acquire(), bool)
    assert_type(sem.acquire(False), bool)
    assert_type(sem.acquire(True, 0.5, n=2), bool)
    sem.release(2)
    with sem:
        pass
    assert_type(sem._value, int)
    bounded: Semaphore = BoundedSemaphore(3)
    bounded.release()
    assert_type(BoundedSemaphore(2).max_permits, int)

    sem.resize(3)  # type: ignore[attr-defined]


class Counted(Semaphore):
    def __init__(self, name: str) -> None:
        super().__init__(3)
        self.name = name


async def drop_in() -> None:
    sem = permits.aio.BoundedSemaphore(2)
    assert_type(await sem.acquire(), Literal[True])
    assert_type(sem.locked(), bool)
    sem.release()
    async with sem:
        pass
    async with sem.permit(2) as permit:
        assert_type(permit, Permit)
    as_base: permits.aio.Semaphore = sem
    as_base.close()


def host() -> None:
    sem = HostSemaphore("builds", 2, directory=Path("/run/permits"), mode=0o660, label="nightly", resize=True)
    assert_type(HostSemaphore("builds").name, str)
    assert_type(HostSemaphore("builds", 2, every=2.5).interval, Optional[float])
    HostSemaphore("builds").set_interval(2)
    assert_type(sem.path, str)
    assert_type(sem.acquire(True, 0.5), bool)
    with sem.permit() as permit:
        assert_type(permit, Permit)
    try:
        sem.close()
    except permits.HostError as error:
        assert_type(error.kind, str)
    except (permits.ClosedError, permits.TooManyError, permits.WaitTimeoutError, permits.WouldBlockError):
        pass
    HostSemaphore()  # type: ignore[call-arg]


async def machines() -> None:
    sem = permits.connect("etcd://10.0.0.1/build", 2, ttl=30, connect_timeout=2.5, ca=Path("ca.pem"), label="nightly")
    assert_type(sem, Union[EtcdSemaphore, HostSemaphore])
    assert_type(sem.name, str)
    assert_type(EtcdSemaphore("@build", user="alice", password="…", resize=True).address, str)
    assert_type(sem.acquire(True, 0.5), bool)
    with sem.permit() as permit:
        assert_type(permit.token, Optional[int])
        assert_type(permit.remaining, Optional[float])
        assert_type(permit.lost(), bool)
    async with sem.permit_async(2) as permit:
        assert_type(await permit.lost_async(), Literal[True])
    try:
        permit.release()
    except (permits.LostError, permits.UnreachableError, permits.DeniedError) as error:
        assert_type(error.kind, str)

    sem.address  # type: ignore[union-attr]
    permits.connect()  # type: ignore[call-arg]
