"""What the tests of semaphores of machines share: a server, and what opens semaphores on it."""

from __future__ import annotations

import os
import re

import pytest

import permits
from machines.engine import ENGINE, Server

# Each wait of a test ends by then.
SOON = 40.0

# `cargo xtask python` sets it for all interpreters but the newest: there a smoke test is enough.
OTHER = "PERMITS_TEST_OTHER"


def pytest_collection_modifyitems(config, items):
    if os.environ.get(OTHER) != "1":
        return
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    left_out = [item for item in items if str(item.path).startswith(here) and item.path.name != "test_smoke.py"]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def start(tmp_path_factory):
    if not (ENGINE / "etcd").exists():
        why = "needs the server `etcd` (`cargo xtask servers` gets it)"
        if os.environ.get("PERMITS_TEST_ALL") == "1":
            pytest.fail("left out, though PERMITS_TEST_ALL=1: it " + why)
        pytest.skip(why)
    return Server(str(tmp_path_factory.mktemp("etcd")))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server for all tests that leave it as it is."""
    server = start(tmp_path_factory)
    yield server
    server.end()


@pytest.fixture
def own_server(tmp_path_factory):
    """A server for a test that stops it."""
    server = start(tmp_path_factory)
    yield server
    server.end()


@pytest.fixture
def address(server, request):
    """The address of the semaphore of the test."""
    return server.address("tests/" + re.sub(r"\W+", "-", request.node.name))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """What the environment of the machine says is not for the tests."""
    for name in list(os.environ):
        if name.startswith("ETCDCTL_") or name in ("PERMITS_BACKEND", "PERMITS_PASSWORD", "PERMITS_PASSWORD_FILE"):
            monkeypatch.delenv(name)


@pytest.fixture
def opened(address):
    """Opens the semaphore of the test, each time by a connection of its own."""

    def opens(max_permits=None, **options):
        return permits.connect(address, max_permits, **options)

    return opens


def counts(sem):
    """Free, held, loose; they have to add up."""
    state = sem.state()
    held = state.given_out - state.loose
    assert state.available + held + state.loose == state.max_permits, state
    return state.available, held, state.loose
