"""What is refused: names, numbers, directories, files; each error names what is wrong."""

from __future__ import annotations

import gc
import os
import pickle
import random

import pytest

import permits
from helpers_async import DEADLINE, background, eventually
from host.conftest import NAME, counts, refused
from permits import HostSemaphore


@pytest.mark.parametrize("name", ["", ".hidden", "-dash", "a/b", "..", "new\nline", "nul\0", "x" * 201])
def test_a_bad_name_is_refused(opened, directory, name):
    with pytest.raises(ValueError, match="cannot be a semaphore's name"):
        opened(1, name=name)

    assert os.listdir(directory) == []


@pytest.mark.parametrize("name", [None, 1, b"bytes"])
def test_a_name_that_is_no_text_is_refused(opened, name):
    with pytest.raises(TypeError):
        opened(1, name=name)


@pytest.mark.parametrize("max_permits", [0, -1, permits.MAX_PERMITS + 1, 2**70])
def test_a_max_out_of_range_is_refused_naming_both_numbers(opened, directory, max_permits):
    with pytest.raises(ValueError) as caught:
        opened(max_permits)

    assert f"`{max_permits}`" in str(caught.value) and "`4194303`" in str(caught.value)
    assert os.listdir(directory) == []


@pytest.mark.parametrize("max_permits", [1.5, "1"])
def test_a_max_that_is_no_integer_is_refused(opened, max_permits):
    with pytest.raises(TypeError):
        opened(max_permits)


@pytest.mark.parametrize(("name", "value"), [("name", 1), ("label", 1), ("label", b"bytes")])
def test_text_that_is_none_is_named(opened, name, value):
    with pytest.raises(TypeError, match=f"{name} must be a str, not {type(value).__name__}"):
        opened(1, **{name: value})


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        (0o777, "`0o777`"),
        (0o7777, "`0o7777`"),
        (0, "`0o000`"),
        (0o400, "`0o400`"),
        (660, "`660`, without `0o`"),
        (-1, "`-1`"),
        (2**70, f"`{2**70}`"),
        (0o644, "`0o644`, as it lets other users read and not write, and a user who can read a semaphore can lock it and "
         "keep all others out"),
    ],
)
def test_a_mode_that_is_none_is_a_value_error_and_makes_nothing(opened, directory, mode, shown):
    with pytest.raises(ValueError) as caught:
        opened(1, mode=mode)

    ways = "give `0o600` for this user alone, `0o660` for the group too, or `0o666` for all users"
    assert str(caught.value) == f"mode cannot be {shown}: {ways}"
    assert os.listdir(directory) == []


@pytest.mark.parametrize("name", ["max", "mode"])
def test_a_number_that_is_none_is_named(directory, name):
    with pytest.raises(TypeError, match=f"^{name} must be an int, not str$"):
        HostSemaphore("build", directory=directory, **{"max": 1, name: "2"})

    assert os.listdir(directory) == []


def test_a_bool_is_no_number_of_permits(opened, directory):
    with pytest.raises(TypeError, match="max must be a number, it is `True`"):
        opened(True)

    assert os.listdir(directory) == []


def test_another_max_than_it_has_is_refused_naming_both(opened):
    sem = opened(2)

    said = refused("max-differs", opened, 3)

    assert "`2`" in said and "`3`" in said and "`resize=True` changes the number" in said
    assert sem.max_permits == 2


def test_resize_true_resizes_what_has_another_max(opened):
    sem = opened(2)

    opened(5, resize=True)

    assert (sem.max_permits, sem.available) == (5, 5)


def test_without_max_one_that_exists_is_opened_and_none_is_made(opened, directory):
    said = refused("not-found", opened)
    assert said.endswith("; give `max` to create it")
    assert NAME in said and os.listdir(directory) == []

    opened(7)

    assert opened().max_permits == 7


def test_a_directory_that_others_may_write_to_is_refused(opened, directory):
    directory.chmod(0o777)

    said = refused("insecure", opened, 1)

    assert str(directory) in said and said.endswith("; `directory=` names another place")
    directory.chmod(0o700)
    assert opened(1).available == 1


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    refused("bad-directory", HostSemaphore, NAME, 1, directory=tmp_path / "file")


def test_a_directory_without_a_parent_is_refused(tmp_path):
    said = refused("bad-directory", HostSemaphore, NAME, 1, directory=tmp_path / "none" / "below")

    assert str(tmp_path / "none" / "below") in said and "does not exist" in said


def test_errors_are_one_line_that_a_terminal_does_not_obey(opened):
    with pytest.raises(ValueError) as caught:
        opened(1, name="a\n\x1b[2J")
    said = [str(caught.value), refused("not-found", opened, name="\u202eb建")]

    assert all(text.isprintable() for text in said), said
    assert "建" in said[1]


@pytest.mark.parametrize("damage", ["empty", "short", "random"])
def test_a_damaged_file_is_refused_and_what_is_wrong_is_told(opened, damage):
    path = opened(1).path
    gc.collect()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        if damage == "random":
            file.write(random.Random(5).randbytes(size))
        else:
            file.truncate(0 if damage == "empty" else size // 2)

    said = refused("damaged", opened, 1)

    assert said.startswith(f"semaphore `{NAME}`: it is damaged: ")


def test_a_symbolic_link_in_the_place_of_the_file_is_refused(opened, directory):
    path = opened(1).path
    gc.collect()
    os.rename(path, directory / "moved")
    os.symlink(directory / "moved", path)

    refused("insecure", opened, 1)


@pytest.mark.parametrize("act", ["acquire", "permit", "release"])
def test_a_waiter_is_told_when_the_file_is_gone(opened, act):
    sem = opened(1)
    if act != "release":
        sem.acquire()
    waits = background(getattr(sem, act))
    assert eventually(lambda: sem.waiting == 1)

    os.unlink(sem.path)

    error = waits.exception(DEADLINE)
    assert isinstance(error, permits.HostError) and error.kind == "gone", error


def test_numbers_that_cannot_be_are_refused_and_change_nothing(opened):
    sem = opened(2)
    sem.acquire()

    for act in sem.acquire, sem.release, sem.permit:
        with pytest.raises(permits.TooManyError, match="3.*2"):
            act(3)
        with pytest.raises(ValueError):
            act(-1)
        with pytest.raises(TypeError):
            act(1.5)
        with pytest.raises(ValueError):
            act(1, float("nan"))

    assert counts(sem) == (1, 0, 1) and sem.waiting == 0
    assert sem.acquire(0) is True and sem.release(0) is True


def test_its_errors_pickle(opened):
    with pytest.raises(permits.HostError) as caught:
        opened()

    copy = pickle.loads(pickle.dumps(caught.value))

    assert (type(copy), copy.kind, str(copy)) == (permits.HostError, "not-found", str(caught.value))
