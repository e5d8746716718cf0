"""CPython's own semaphore tests, unmodified, against our classes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers_async import TESTS, child_environment

pytestmark = pytest.mark.timeout(180)

MINOR = sys.version_info[1]

LOCK_TESTS = {
    "test_acquire",
    "test_acquire_contended",
    "test_acquire_destroy",
    "test_acquire_timeout",
    "test_constructor",
    "test_default_value",
    "test_multirelease",
    "test_release_unacquired",
    "test_try_acquire",
    "test_try_acquire_contended",
    "test_with",
} | ({"test_repr"} if MINOR >= 11 else set())

# Those that touch nothing of asyncio's class but what its documentation names.
PUBLIC = {
    "test_acquire_cancel_before_awoken",
    "test_acquire_fifo_order",
    "test_acquire_hang",
    "test_initial_value_zero",
    "test_release_no_waiters",
    "test_release_not_acquired",
    "test_semaphore_value",
} | ({"test_acquire_fifo_order_2", "test_acquire_fifo_order_3", "test_acquire_no_hang"} if MINOR >= 10 else set())

# Those that read `_value`, which our class has too.
PRIVATE_THAT_PASS = {"test_semaphore"}

# Those that cannot pass, each with what it fails for: our queue is no deque of futures that a test could count, or
# append a mock to, and no object of ours belongs to one loop. The one of 3.13, before it counts `_waiters`, reads
# `_value` while two newcomers let a third task resume that was granted its permit before: asyncio's leave theirs in
# `_value` meanwhile, and ours have them.
NO_WAITERS = "AttributeError: 'Semaphore' object has no attribute '_waiters'"
NO_LOOP = "AttributeError: 'Semaphore' object has no attribute '_loop'"
PRIVATE_THAT_CANNOT = {
    "test_acquire": NO_WAITERS,
    "test_acquire_cancel": NO_WAITERS,
    "test_repr": NO_WAITERS,
    **({"test_acquire_fifo_order_4": "self.assertEqual(sem._value, 2)"} if MINOR >= 13 else {}),
    **({"test_ctor_loop": NO_LOOP, "test_ctor_noloop": NO_LOOP} if MINOR == 9 else {}),
}

EXPECTED = {
    "semaphore": LOCK_TESTS,
    "bounded": LOCK_TESTS,
    "asyncio": PUBLIC | PRIVATE_THAT_PASS | set(PRIVATE_THAT_CANNOT),
}


@pytest.fixture(scope="module")
def outcomes():
    """What became of each test, by suite and name."""
    command = [sys.executable, os.path.join(TESTS, "cpython_suite.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=170, env=child_environment(), check=False)
    assert ended.returncode == 0, f"it ended with {ended.returncode}: {ended.stdout}\n{ended.stderr}"
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    if lines and lines[0][2] == "no test package":
        pytest.fail(
            f"{lines[0][3]}: this interpreter, {sys.executable}, came without CPython's tests. For Debian's and "
            f"Ubuntu's `apt-get install libpython3.{MINOR}-testsuite` brings them; that of pyenv has them.",
            pytrace=False,
        )
    return {(suite, name): (said, details, private) for suite, name, said, details, private in lines}


def passes(outcomes, suite, name):
    said, details, _ = outcomes[suite, name]
    assert said == "passed", f"{suite} {name} {said}: {details}"


@pytest.mark.parametrize("suite", EXPECTED)
def test_the_suite_has_the_tests_that_are_known_and_no_others(outcomes, suite):
    found = {name for of, name in outcomes if of == suite}

    assert found == EXPECTED[suite]


@pytest.mark.parametrize("suite", ["semaphore", "bounded"])
@pytest.mark.parametrize("name", sorted(LOCK_TESTS))
def test_the_drop_in_for_threading_passes(outcomes, suite, name):
    passes(outcomes, suite, name)


@pytest.mark.parametrize("name", sorted(PUBLIC | PRIVATE_THAT_PASS))
def test_the_drop_in_for_asyncio_passes(outcomes, name):
    passes(outcomes, "asyncio", name)


def test_no_public_test_counts_as_private(outcomes):
    private = {name: attributes for (suite, name), (_, _, attributes) in outcomes.items() if suite == "asyncio"}

    assert {name for name, attributes in private.items() if not attributes} == PUBLIC


@pytest.mark.parametrize("name", sorted(PRIVATE_THAT_CANNOT))
def test_what_does_not_pass_fails_for_want_of_a_private_attribute_alone(outcomes, name):
    said, details, private = outcomes["asyncio", name]

    # Whatever it checks before that holds.
    assert said == "failed", f"{name} {said}: it belongs to those that pass"
    assert PRIVATE_THAT_CANNOT[name] in details.replace("permits.aio.", "")
    assert private
