import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from actionhero.errors import ListenError
from actionhero.transports import activation
from actionhero.transports.activation import take_sockets

PARTS = ("web", "tcp")


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The first of three descriptors in a row, as they are handed over; each is a listening socket
    in the end."""
    first = 200  # above all that is open already
    with socket.create_server(("127.0.0.1", 0)) as made:
        for number in range(3):
            os.dup2(made.fileno(), first + number, inheritable=True)
    monkeypatch.setattr(activation, "_FIRST", first)
    yield first
    for number in range(3):
        with contextlib.suppress(OSError):
            os.close(first + number)


def given(count: int, names: str = "", pid: int | None = None) -> dict[str, str]:
    variables = {"LISTEN_FDS": str(count), "LISTEN_PID": str(pid or os.getpid())}
    return variables | ({"LISTEN_FDNAMES": names} if names else {}) | {"OTHER": "stays"}


def taken(variables: dict[str, str], parts: tuple[str, ...] = PARTS) -> dict[str, list[int]]:
    """The descriptors that are taken, by part."""
    sockets = take_sockets(parts, variables)
    return {part: [sock.detach() for sock in given] for part, given in sockets.items()}


@pytest.mark.parametrize(
    ("count", "names", "expected"),
    [
        (1, "", {"web": [0]}),
        (2, "", {"web": [0], "tcp": [1]}),
        (2, "app.socket:app.socket", {"web": [0], "tcp": [1]}),
        (1, "tcp", {"tcp": [0]}),
        (2, "tcp:web", {"tcp": [0], "web": [1]}),
        (3, "web:tcp:web", {"web": [0, 2], "tcp": [1]}),
    ],
)
def test_sockets_are_told_apart(
    first: int, count: int, names: str, expected: dict[str, list[int]]
) -> None:
    variables = given(count, names)
    numbers = {part: [first + n for n in each] for part, each in expected.items()}
    assert taken(variables) == numbers
    assert variables == {"OTHER": "stays"}
    assert not any(os.get_inheritable(n) for each in numbers.values() for n in each)


def test_a_server_without_http_gives_the_first_to_tcp(first: int) -> None:
    assert taken(given(1), ("tcp",)) == {"tcp": [first]}


@pytest.mark.parametrize(
    "variables",
    [{}, {"LISTEN_FDS": "1"}, given(1, pid=1), given(0), {**given(1), "LISTEN_FDS": "many"}],
)
def test_what_is_not_for_this_process_is_left(first: int, variables: dict[str, str]) -> None:
    assert taken(variables) == {}


@pytest.mark.parametrize(
    ("count", "names", "said"),
    [
        (3, "", "3 sockets were handed over, and there are only web and tcp to listen"),
        (2, "web:admin", "a socket was handed over for admin; FileDescriptorName= must be one of"),
        (3, "web:tcp", "handed over for nothing"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(
    first: int, count: int, names: str, said: str
) -> None:
    with pytest.raises(ListenError, match=said):
        take_sockets(PARTS, given(count, names))


def test_what_does_not_listen_is_refused(first: int) -> None:
    with socket.socket() as idle:
        os.dup2(idle.fileno(), first)
    with pytest.raises(ListenError, match="does not listen; use ListenStream= with Accept=no"):
        take_sockets(PARTS, given(1))
    with open(os.devnull) as file:
        os.dup2(file.fileno(), first)
    with pytest.raises(ListenError, match="handed over for web, is no socket"):
        take_sockets(PARTS, given(1))
