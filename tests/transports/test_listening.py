import errno
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from actionhero.errors import ListenError
from actionhero.transports import listening
from actionhero.transports.listening import (
    Address,
    Doors,
    Place,
    open_doors,
    reserved_port,
    why_not,
)

PLACE = Place("HTTP", "127.0.0.1", 80, "--port", "ACTIONHERO_WEB__PORT", "--host")


def at(host: str, port: int = 0, **more: Any) -> Place:
    return Place("HTTP", host, port, "--port", "ACTIONHERO_WEB__PORT", "--host", **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.sock"


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (PermissionError(errno.EACCES, "no"), "port 80 on 127.0.0.1 may not be opened"),
        (OSError(errno.EADDRNOTAVAIL, "no"), "not an address of this machine"),
        (OSError("strange"), "cannot listen on port 80 on 127.0.0.1: strange"),
        (OverflowError("too large"), "cannot listen on port 80 on 127.0.0.1: too large"),
    ],
)
def test_other_failures_are_told(failure: Exception, said: str) -> None:
    assert said in why_not(failure, PLACE)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (PermissionError(errno.EACCES, "no"), "may not be opened by this user; choose a folder"),
        (OSError(errno.EROFS, "no"), "may not be opened by this user"),
        (OSError("strange"), "HTTP cannot listen on the socket /a.sock: strange"),
    ],
)
def test_other_failures_of_unix_sockets_are_told(failure: Exception, said: str) -> None:
    assert said in why_not(failure, at("unix:/a.sock"))


def test_a_name_with_several_addresses_has_one_port_on_all() -> None:
    doors = open_doors(at("localhost"))
    try:
        assert {sock.getsockname()[1] for sock in doors.sockets} == {doors.address.port}
    finally:
        doors.close()


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("127.0.0.1", 80), "127.0.0.1:80"),
        (Address("::1", 80), "[::1]:80"),
        (Address(path="/a.sock"), "unix:/a.sock"),
    ],
)
def test_an_address_is_told_as_it_is_written(address: Address, text: str) -> None:
    assert str(address) == text


@pytest.mark.parametrize("mode", ["600", "666"])
def test_a_unix_socket_has_its_mode_and_is_removed(path: Path, mode: str) -> None:
    doors = open_doors(at(f"unix:{path}", mode=mode))
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
    assert doors.address.path == str(path)
    assert answers(path)
    doors.close()
    assert not path.exists()


def test_a_socket_that_a_dead_server_left_is_replaced(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.listen()
    left.close()
    assert path.exists()
    doors = open_doors(at(f"unix:{path}"))
    assert answers(path)
    doors.close()


def test_a_socket_that_a_live_server_has_is_refused(path: Path) -> None:
    doors = open_doors(at(f"unix:{path}"))
    try:
        with pytest.raises(ListenError, match=r"is in use by another program.*--host"):
            open_doors(at(f"unix:{path}"))
        assert answers(path)
    finally:
        doors.close()


def test_a_live_server_whose_queue_is_full_is_not_taken_for_a_dead_one(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waits:
        busy.bind(str(path))
        busy.listen(0)
        waits.connect(str(path))
        with pytest.raises(ListenError, match="is in use"):
            open_doors(at(f"unix:{path}"))


def test_who_stops_late_does_not_remove_the_socket_of_another(path: Path) -> None:
    first = open_doors(at(f"unix:{path}"))
    first.sockets[0].close()
    second = open_doors(at(f"unix:{path}"))
    first.close()
    assert answers(path)
    second.close()


def test_of_servers_that_start_at_once_one_gets_the_socket(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    opened: list[Doors] = []
    refused: list[ListenError] = []

    def start() -> None:
        try:
            opened.append(open_doors(at(f"unix:{path}")))
        except ListenError as exc:
            refused.append(exc)

    threads = [threading.Thread(target=start) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(refused)) == (1, 9)
    assert answers(path)
    opened[0].close()


def test_a_file_is_never_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ListenError, match="is there already and is no socket"):
        open_doors(at(f"unix:{path}"))
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 120, "too long; the system takes 107 bytes"),
        ("no/app.sock", "its folder is not"),
        ("a\0b", "cannot listen on the socket"),
    ],
)
def test_a_path_that_cannot_be_is_told(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ListenError, match=said):
        open_doors(at(f"unix:{tmp_path / name}"))


def test_a_reserved_port_can_be_shared_but_not_taken() -> None:
    with reserved_port(at("127.0.0.1")) as port:
        assert port > 0
        doors = open_doors(at("127.0.0.1", port), reuse_port=True)
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert client.getpeername()[1] == port
        with pytest.raises(ListenError, match=r"is in use by .* with --port"):
            reserved_port(at("127.0.0.1", port)).__enter__()
        doors.close()


def test_a_port_whose_last_connections_linger_can_be_reserved() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()
        client.close()
    with reserved_port(at("127.0.0.1", port)) as reserved:
        assert reserved == port


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match="is not an address of"), reserved_port(at(host)):
        pass


def test_of_several_addresses_those_that_are_not_here_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, absent = (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("192.0.2.1", 0))
    monkeypatch.setattr(listening, "_resolve", lambda *_: [absent, here])
    doors = open_doors(at("several"))
    assert [sock.getsockname()[0] for sock in doors.sockets] == ["127.0.0.1"]
    doors.close()
    monkeypatch.setattr(listening, "_resolve", lambda *_: [absent])
    with pytest.raises(ListenError, match="several is not an address of this machine"):
        open_doors(at("several"))


def test_what_was_opened_is_closed_if_another_address_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = (socket.AF_INET, ("127.0.0.1", 0))
    monkeypatch.setattr(listening, "_resolve", lambda *_: [both, both])
    with pytest.raises(ListenError, match="is in use by another program"):
        open_doors(at("several"))
