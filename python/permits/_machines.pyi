"""Semaphores of machines, and what opens them."""

from os import PathLike
from typing import SupportsIndex

from typing_extensions import TypeAlias

from . import HostSemaphore, _Seconds, _Shared

_Path: TypeAlias = str | PathLike[str]

class EtcdSemaphore(_Shared):
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
        address: str,
        max: SupportsIndex | None = None,
        *,
        ttl: _Seconds | None = None,
        connect_timeout: _Seconds | None = None,
        user: str | None = None,
        password: str | None = None,
        ca: _Path | None = None,
        cert: _Path | None = None,
        key: _Path | None = None,
        label: str | None = None,
        resize: bool = False,
    ) -> None: ...

    @property
    def name(self) -> str:
        """The name of the semaphore."""

    @property
    def address(self) -> str:
        """Its address. It never has a password."""

def connect(
    address: str,
    max: SupportsIndex | None = None,
    *,
    ttl: _Seconds | None = None,
    connect_timeout: _Seconds | None = None,
    user: str | None = None,
    password: str | None = None,
    ca: _Path | None = None,
    cert: _Path | None = None,
    key: _Path | None = None,
    label: str | None = None,
    resize: bool = False,
    directory: _Path | None = None,
) -> EtcdSemaphore | HostSemaphore:
    """Open the semaphore that an address names: an EtcdSemaphore, or a HostSemaphore for a name alone.

    | address | semaphore |
    |---|---|
    | `etcd://10.0.0.1:2379,10.0.0.2:2379/deploy` | `deploy`; the port 2379 may be left out |
    | `etcds://alice@etcd-1/team-a/deploy?ttl=30s` | over TLS, as a user, in a namespace, with leases of 30 s |
    | `etcd:///deploy` | on the servers of `ETCDCTL_ENDPOINTS` |
    | `@deploy` | with `PERMITS_BACKEND=etcd://etcd-1,etcd-2/team-a`: `deploy` there |
    | `deploy` | of the processes of this host, whatever the environment says |

    `ttl` is how long a lease lasts that is not renewed: 1 to 600 whole seconds, 15 by default. Below 5 the loss
    of a leader of etcd can cost permits. `connect_timeout` is in how many seconds a server has to answer, 5 by
    default; a wait for permits without a timeout waits on. `user` and `password` are those of etcd. `ca` is the
    path of the certificates to trust instead of the system's; `cert` and `key` are the paths of the certificate
    to show to the servers, and of its key. `permits status` shows `label` to others.

    What is not given is taken from the variables of the program `permits`, such as `ETCDCTL_USER`,
    `PERMITS_PASSWORD` and `ETCDCTL_CACERT`. An address with a password in it is refused.

    A name of this host ignores all but `max`, `label`, `resize` and `directory`.

    >>> import permits
    >>> with permits.connect("deploys", 2, directory=directory) as entered:
    ...     entered
    True
    """
