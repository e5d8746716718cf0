"""Semaphores of machines: `connect`, `EtcdSemaphore`, and what both take from the environment."""

from __future__ import annotations

import atexit as _atexit
import os as _os
import sys as _sys

from . import _permits

# In which process the end of the interpreter gives leases back.
_leaving = None


class EtcdSemaphore(_permits.Counting):
    """A semaphore, shared by its address, for all processes of all machines that use the same etcd. Linux only.

    All that open the same address share the semaphore, the command `permits` of the shell included. If there is
    none, it is created with `max` permits; with `max=None` it must exist. Another number than it has raises an
    EtcdError of the kind "max-differs", unless `resize=True`. `connect` says what an address looks like, and
    what the other arguments are.

    *Permits that `with sem:` or a `Permit` holds are held under a lease of `ttl` seconds.* A thread of its own
    renews it five times in that time, whatever Python does. They come back when the process dies, after `ttl`
    and half a second at most. If no server can be reached in time, or another client revokes them, they are
    lost: `Permit.lost()` says so before another process can have them, and giving them back raises LostError.
    `Permit.token` is for a holder that does not look. Permits that a bare `acquire()` took are loose, have no
    owner, and stay out. First come, first served.

    Each object has a connection of its own: keep it. Its readings, `close`, `resize`, `grow`, `shrink` and
    `Permit.forget` wait for an answer of a server, for `connect_timeout` at most; a task calls them by
    `asyncio.to_thread`. One call is for 64 permits at most. A child of a fork connects again: this object raises
    an EtcdError of the kind "not-ours" there.
    """

    def __init__(
        self,
        address,
        max=None,
        *,
        ttl=None,
        connect_timeout=None,
        user=None,
        password=None,
        ca=None,
        cert=None,
        key=None,
        label=None,
        resize=False,
    ):
        """Connect, and open it, or create it with `max` permits."""
        if not hasattr(self, "_init_machines"):
            raise NotImplementedError("EtcdSemaphore needs Linux")
        texts = {"address": address, "user": user, "password": password, "label": label}
        for what, text in texts.items():
            if not isinstance(text, str) and (what == "address" or text is not None):
                raise TypeError(f"{what} must be a str, not {type(text).__name__}")
        options = _Options(user, password, ca, cert, key)
        options.ttl, options.connect_timeout, options.label = ttl, connect_timeout, label
        self._named = self._init_machines(address, _set("PERMITS_BACKEND"), max, bool(resize), options)
        _leave_at_exit()

    @property
    def name(self):
        """The name of the semaphore."""
        return self._named[0]

    @property
    def address(self):
        """Its address. It never has a password."""
        return self._named[1]

    def __reduce__(self):
        """Its password would go along."""
        raise TypeError("cannot pickle 'EtcdSemaphore' object: open it by its address in the other process")


def connect(
    address,
    max=None,
    *,
    ttl=None,
    connect_timeout=None,
    user=None,
    password=None,
    ca=None,
    cert=None,
    key=None,
    label=None,
    resize=False,
    directory=None,
):
    """Open the semaphore that an address names: an EtcdSemaphore, or a HostSemaphore for a name alone."""
    from . import HostSemaphore

    if not isinstance(address, str):
        raise TypeError(f"address must be a str, not {type(address).__name__}")
    if not hasattr(_permits, "_is_of_machines"):
        raise NotImplementedError("connect needs Linux")
    if not _permits._is_of_machines(address):
        return HostSemaphore(address, max, label=label, resize=resize, directory=directory)
    return EtcdSemaphore(
        address,
        max,
        ttl=ttl,
        connect_timeout=connect_timeout,
        user=user,
        password=password,
        ca=ca,
        cert=cert,
        key=key,
        label=label,
        resize=resize,
    )


class _Options:
    """The arguments, or what the environment has instead: the variables of the program `permits`."""

    def __init__(self, user, password, ca, cert, key):
        if _set("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "0") not in ("0", "f", "F", "false", "False", "FALSE"):
            raise ValueError(
                "ETCDCTL_INSECURE_SKIP_TLS_VERIFY cannot be had: name the certificate to trust by `ca=`, and unset it"
            )
        endpoints = (_set("ETCDCTL_ENDPOINTS") or "").split(",")
        self.endpoints = [endpoint.strip() for endpoint in endpoints if endpoint.strip()]
        beside = None
        if user is None and _set("ETCDCTL_USER"):
            user, colon, beside = _set("ETCDCTL_USER").partition(":")
            beside = beside if colon else None
        self.user = user
        self.password = password if password is not None else _password() or beside
        ca = ca if ca is not None else _set("ETCDCTL_CACERT")
        self.ca = None if ca is None else _read(ca)
        if cert is None and key is None:
            cert, key = _set("ETCDCTL_CERT"), _set("ETCDCTL_KEY")
        if (cert is None) != (key is None):
            there, missing = ("cert", "key") if key is None else ("key", "cert")
            raise ValueError(f"there is a `{there}` and no `{missing}`: give both, or none")
        self.certificate = None if cert is None else (_read(cert), _read(key))


def _password():
    file = _set("PERMITS_PASSWORD_FILE")
    if _set("PERMITS_PASSWORD") is None and file is not None:
        return _read(file).decode().rstrip("\r\n")
    return _set("PERMITS_PASSWORD") or _set("ETCDCTL_PASSWORD")


def _set(variable, default=None):
    """An empty variable is none."""
    return _os.environ.get(variable) or default


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _leave_at_exit():
    """A process that ends gives its leases back first; without that its permits stay out until they end."""
    global _leaving
    if _leaving != _os.getpid():
        _leaving = _os.getpid()
        _atexit.register(_permits._leave_machines)
        # Before 3.13 its forked workers end without `atexit`.
        if "multiprocessing.util" in _sys.modules:
            _sys.modules["multiprocessing.util"].Finalize(None, _permits._leave_machines, exitpriority=0)
