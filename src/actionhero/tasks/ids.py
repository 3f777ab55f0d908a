"""Ids of tasks: a random prefix for each process, then a counter.

`uuid4` costs ten times as much. The prefix has 60 random bits, so two processes do not meet; within
a process ids grow with time.
"""

import itertools
import os
import re
import secrets

from actionhero.errors import InputProblem, InvalidInputError

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PREFIX_LENGTH = 12
_VALID = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")

_prefix = ""
_counter = itertools.count(1)


def new_id() -> str:
    """An id that no other task has."""
    return f"{_prefix}{next(_counter):x}"


def check_id(id: str) -> str:
    """An id of the caller's own. Raises `InvalidInputError` for one that cannot be."""
    if not _VALID.fullmatch(id):
        raise InvalidInputError(
            (InputProblem("id", "bad_id", "must be 1 to 200 characters, none of them a space"),)
        )
    return id


def _renew_prefix() -> None:
    global _prefix, _counter  # noqa: PLW0603  a forked child must not go on with its parent's ids
    _prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_LENGTH)) + "-"
    _counter = itertools.count(1)


_renew_prefix()
os.register_at_fork(after_in_child=_renew_prefix)
