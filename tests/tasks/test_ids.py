"""Ids of tasks."""

import os

import pytest

from actionhero.errors import InvalidInputError
from actionhero.tasks.ids import check_id, new_id


def test_ids_are_distinct_and_share_the_process_prefix() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert len({id.partition("-")[0] for id in ids}) == 1
    assert all(len(id) < 24 for id in ids)


def test_a_forked_child_has_a_prefix_of_its_own() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert told.partition("-")[0] != new_id().partition("-")[0]


@pytest.mark.parametrize("id", ["a", "welcome-a@b.c", "order#17", "é", "x" * 200])
def test_ids_of_the_callers_own(id: str) -> None:
    assert check_id(id) == id


@pytest.mark.parametrize("id", ["", "a b", "a\n", "a\x00", "x" * 201])
def test_what_is_no_id(id: str) -> None:
    with pytest.raises(InvalidInputError, match="1 to 200 characters"):
        check_id(id)
