"""The debug check of PERMITS_CHECK=1: a thread or task that would wait for its own release gets a RuntimeError instead.

A semaphore that is checked is of a subclass of its class, made here, so that one that is not pays for nothing. It
remembers who acquired which `Permit` and which `with` block, and in which line. Who waits without a limit for `n`
permits and holds `h` of them gets the error if `n` is more than `max_permits - h`: no more can be free before its own
release. What a permit holds is asked of the permit itself, so one that was returned or forgotten counts for nothing.
"""

from __future__ import annotations

import operator
import os.path
import sys
import threading
import types
import weakref
from collections.abc import Coroutine

_HERE = os.path.dirname(__file__)
_checked_classes: weakref.WeakKeyDictionary[type, type] = weakref.WeakKeyDictionary()


def check(sem):
    """Have a semaphore checked from now on."""
    cls = type(sem)
    if cls not in _checked_classes:
        # As the other is called in texts; and with the same layout, or no object could change from one to the other.
        names = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
        names["__slots__"] = ()
        _checked_classes[cls] = types.new_class(cls.__name__, (_Checked, cls), {}, lambda body: body.update(names))
    sem._holds = []
    sem.__class__ = _checked_classes[cls]


def _who():
    """Who runs: a task, or else a thread."""
    # Without asyncio there are no tasks, and it takes long to import.
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio else None
    except RuntimeError:
        task = None
    return ("thread", threading.get_ident()) if task is None else ("task", weakref.ref(task))


def _where():
    """The line outside this package that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.dirname(frame.f_code.co_filename) == _HERE:
        frame = frame.f_back
    return "{}:{}".format(frame.f_code.co_filename, frame.f_lineno)


def _wanted(n=1, timeout=None, *, blocking=True):
    """How many permits a call asks for; None if it waits with a limit, or not at all."""
    if isinstance(n, bool):
        n, blocking = 1, n
    return operator.index(n) if blocking and timeout is None else None


class _Hold:
    """Permits that were acquired: by a Permit, or by a `with` block, which has one."""

    __slots__ = ("permit", "where", "who")

    def __init__(self, permit=None):
        self.who, self.where = _who(), _where()
        self.permit = None if permit is None else weakref.ref(permit)

    def count(self):
        if self.permit is None:
            return 1
        permit = self.permit()
        return 0 if permit is None else permit.count


class _Checked:
    """What a semaphore that is checked does first."""

    __slots__ = ()

    def _check_wait(self, n):
        me = _who()
        self._forget_returned()
        mine = [hold for hold in tuple(self._holds) if hold.who == me]
        held, most = sum(hold.count() for hold in mine), self.max_permits
        # What is impossible, or closed, is refused and not waited for.
        if held and max(most - held, 0) < n <= most and not self.closed:
            raise RuntimeError(
                "this {} waits for itself: it asks for `{}` permits of `{}`, and holds `{}`, acquired at {}: return "
                "that permit first, or acquire all at once".format(me[0], n, most, held, mine[0].where)
            )

    def _check_call(self, arguments, named):
        try:
            n = _wanted(*arguments, **named)
        except TypeError:
            # The call itself says it better.
            return
        if n is not None:
            self._check_wait(n)

    def _remember(self, hold):
        self._holds.append(hold)
        # Without a wait that is checked they would pile up. At powers of two, so that this costs little.
        kept = len(self._holds)
        if kept >= 64 and kept & (kept - 1) == 0:
            self._forget_returned()

    def _forget_returned(self):
        # What other threads add meanwhile stays.
        for hold in [hold for hold in tuple(self._holds) if not hold.count()]:
            self._let_go(hold)

    def _let_go(self, hold):
        try:
            self._holds.remove(hold)
        except ValueError:
            pass

    def acquire(self, *arguments, **named):
        self._check_call(arguments, named)
        return super().acquire(*arguments, **named)

    def permit(self, *arguments, **named):
        self._check_call(arguments, named)
        permit = super().permit(*arguments, **named)
        self._remember(_Hold(permit))
        return permit

    def acquire_async(self, *arguments, **named):
        return _Request(self, super().acquire_async(*arguments, **named), (arguments, named), lambda _: None)

    def permit_async(self, *arguments, **named):
        def granted(permit):
            self._remember(_Hold(permit))

        return _Request(self, super().permit_async(*arguments, **named), (arguments, named), granted)

    def __enter__(self):
        self._check_wait(1)
        entered = super().__enter__()
        self._remember(_Hold())
        return entered

    def __exit__(self, *exception):
        self._leave_block()
        return super().__exit__(*exception)

    def __aenter__(self):
        def granted(_):
            self._remember(_Hold())

        return _Request(self, super().__aenter__(), ((), {}), granted)

    def __aexit__(self, *exception):
        self._leave_block()
        return super().__aexit__(*exception)

    def _leave_block(self):
        blocks = [hold for hold in tuple(self._holds) if hold.permit is None]
        me = _who()
        # A block may end in another thread than it began in.
        mine = [hold for hold in blocks if hold.who == me] or blocks
        if mine:
            self._let_go(mine[-1])


class _Request(Coroutine):
    """A request of a task, checked at its first step: the task that takes it is the one that waits."""

    def __init__(self, sem, request, call, granted):
        self._sem, self._request, self._call, self._granted = sem, request, call, granted
        self._permit = None

    def send(self, value):
        call, self._call = self._call, None
        if call is not None:
            try:
                self._sem._check_call(*call)
            except BaseException:
                self._request.close()
                raise
        try:
            return self._request.send(value)
        except StopIteration as end:
            self._granted(end.value)
            raise

    def throw(self, *exception):
        return self._request.throw(*exception)

    def close(self):
        self._request.close()

    def __await__(self):
        self._request.__await__()
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def __getattr__(self, name):
        return getattr(self._request, name)

    def __repr__(self):
        return repr(self._request)

    async def __aenter__(self):
        self._permit = await self
        return self._permit

    async def __aexit__(self, *exception):
        self._permit.release()
