"""What is refused: addresses, numbers, users, servers that do not answer; each error names what is wrong."""

from __future__ import annotations

import pytest

import permits
from conftest import in_thread, wait_until
from machines.conftest import SOON, counts
from machines.engine import free_ports


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("etcd://127.0.0.1:1", "names no semaphore"),
        ("redis://127.0.0.1/build", "its scheme is `redis`"),
        ("etcd://127.0.0.1:x/build", "no port from `1` to `65535`"),
        ("etcd://alice:hunter2@127.0.0.1/build", "has a password in it"),
        ("etcd://127.0.0.1/build?max=3", "the only one is `ttl`"),
        ("etcd:///build", "names no server"),
        ("@build", "it is on a backend"),
    ],
)
def test_address_that_is_none_is_a_value_error(address, said):
    with pytest.raises(ValueError, match=said) as caught:
        permits.connect(address, 1)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"max": 0}, ValueError, "max must be between `1` and `4194303`, it is `0`"),
        ({"max": True}, TypeError, "max must be a number"),
        ({"ttl": 0.5}, ValueError, "it lasts whole seconds, 1s to 600s"),
        ({"ttl": 601}, ValueError, "it lasts whole seconds, 1s to 600s"),
        ({"ttl": -1}, ValueError, "ttl must be a number of seconds above `0`, it is `-1.0`"),
        ({"connect_timeout": 0}, ValueError, "connect_timeout must be a number of seconds above `0`"),
        ({"connect_timeout": float("inf")}, ValueError, "at most `86400`, it is `inf`"),
        ({"connect_timeout": "soon"}, TypeError, "soon|number|real"),
        ({"user": 1}, TypeError, "user must be a str, not int"),
        ({"password": b"x"}, TypeError, "password must be a str, not bytes"),
        ({"user": "alice"}, permits.DeniedError, "the user `alice` has no password"),
        ({"cert": "x"}, ValueError, "there is a `cert` and no `key`"),
        ({"key": "x"}, ValueError, "there is a `key` and no `cert`"),
        ({"ca": "/nowhere/ca.pem"}, FileNotFoundError, "/nowhere/ca.pem"),
    ],
)
def test_option_that_cannot_be_is_refused_before_a_server_is_asked(options, error, said):
    with pytest.raises(error, match=said):
        permits.connect("etcd://127.0.0.1:1/build", **{"max": 1, **options})


def test_address_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="address must be a str, not bytes"):
        permits.connect(b"etcd://127.0.0.1:1/build", 1)
    with pytest.raises(TypeError, match="address must be a str, not NoneType"):
        permits.EtcdSemaphore(None)


def test_name_of_this_host_is_no_address_of_machines(tmp_path):
    with pytest.raises(ValueError, match="`build` is a name of this host"):
        permits.EtcdSemaphore("build", 1)

    sem = permits.connect("build", 3, ttl=30, user="alice", directory=tmp_path / "semaphores")

    assert type(sem) is permits.HostSemaphore and counts(sem) == (3, 0, 0)
    with sem.permit() as permit:
        assert (permit.token, permit.remaining, permit.lost()) == (None, None, False)


def test_another_max_than_it_has_is_refused_naming_both(opened):
    with pytest.raises(permits.EtcdError, match="give `max` to create it") as caught:
        opened()
    assert caught.value.kind == "not-found"
    sem = opened(2)

    with pytest.raises(permits.EtcdError, match="`3` permits, and it has `2`.*`resize=True` changes") as caught:
        opened(3)
    assert caught.value.kind == "max-differs"

    opened(5, resize=True)
    assert sem.max_permits == 5


def test_server_that_is_not_there_is_unreachable():
    address = "etcd://127.0.0.1:{}/build".format(*free_ports(1))

    with pytest.raises(permits.UnreachableError, match="no server answered within 300ms") as caught:
        permits.connect(address, 1, connect_timeout=0.3)

    assert caught.value.kind == "unreachable"


def test_wait_outlasts_an_outage_and_a_try_does_not(own_server):
    sem = permits.connect(own_server.address("outage"), 1, connect_timeout=1)
    own_server.stop()

    for act in (lambda: sem.acquire(blocking=False), sem.state, lambda: sem.available, sem.close, sem.grow):
        with pytest.raises(permits.UnreachableError):
            act()
    assert sem.acquire(timeout=0.01) is False
    waiting = in_thread(sem.permit)
    own_server.go_on()

    assert waiting.result(SOON).count == 1


def test_users_are_refused_without_their_password(own_server, monkeypatch, tmp_path):
    for words in (
        ["user", "add", "root:hunter2"],
        ["user", "grant-role", "root", "root"],
        ["user", "add", "bob:hunter3"],
        ["auth", "enable"],
    ):
        own_server.ctl(*words)
    address = own_server.address("team-a/build")

    def said(**options):
        with pytest.raises(permits.DeniedError) as caught:
            permits.connect(address, 1, **options)
        assert caught.value.kind == "denied" and "hunter" not in str(caught.value)
        return str(caught.value)

    assert "want a user and a password" in said()
    assert "check user and password" in said(user="root", password="hunter4")
    assert "a role with `readwrite`" in said(user="bob", password="hunter3")
    with permits.connect(address, 1, user="root", password="hunter2"):
        pass
    (tmp_path / "password").write_text("hunter2\n")
    monkeypatch.setenv("ETCDCTL_USER", "root:wrong")
    monkeypatch.setenv("PERMITS_PASSWORD_FILE", str(tmp_path / "password"))
    assert permits.connect(address).max_permits == 1
    monkeypatch.setenv("PERMITS_PASSWORD", "hunter5")
    assert "check user and password" in said()


def test_variables_of_the_program_say_where_an_address_is(server, monkeypatch):
    monkeypatch.setenv("PERMITS_BACKEND", server.address("tests-of-variables"))
    sem = permits.connect("@build", 2)
    assert sem.address == server.address("tests-of-variables/build")

    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "127.0.0.1:1, " + server.endpoint)
    assert permits.connect("etcd:///tests-of-variables/build").max_permits == 2

    monkeypatch.setenv("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "true")
    with pytest.raises(ValueError, match="name the certificate to trust by `ca=`"):
        permits.connect("@build", 2)
    monkeypatch.setenv("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "false")
    monkeypatch.setenv("ETCDCTL_CERT", "/nowhere")
    with pytest.raises(ValueError, match="there is a `cert` and no `key`"):
        permits.connect("@build", 2)
