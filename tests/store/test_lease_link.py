"""The blocking connection of the leases' thread."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionhero.errors import StoreReplyError, StoreUnavailableError
from actionhero.store.embedded import EmbeddedStore
from actionhero.store.lease_link import LeaseLink
from actionhero.store.url import StoreUrl


@pytest.fixture
def link() -> Iterator[LeaseLink]:
    link = LeaseLink(timeout=10.0)
    yield link
    link.close()


def test_asks_in_order(link: LeaseLink, server_url: StoreUrl) -> None:
    commands = [("SET", "k", "v"), ("GET", "k"), ("HGET", "k", "f")]
    done, value, error = link.execute_many(server_url, commands)
    assert (done, value) == (b"OK", b"v")
    assert isinstance(error, StoreReplyError)
    assert link.execute_many(server_url, [("GET", "k")]) == [b"v"]


def test_selects_its_database(link: LeaseLink, server_url: StoreUrl) -> None:
    other = StoreUrl("unix", path=server_url.path, db=1)
    link.execute_many(other, [("SET", "only-here", "1")])
    second = LeaseLink(timeout=10.0)
    assert second.execute_many(server_url, [("GET", "only-here")]) == [None]
    second.close()


def test_a_wrong_password_is_told(link: LeaseLink, server_url: StoreUrl) -> None:
    with pytest.raises(StoreReplyError):
        link.execute_many(
            StoreUrl("unix", path=server_url.path, username="nobody", password="x"), [("PING",)]
        )


def test_connects_again_after_a_failure(link: LeaseLink, server_url: StoreUrl) -> None:
    with pytest.raises(StoreUnavailableError):
        link.execute_many(StoreUrl("unix", path="/nowhere/at.sock"), [("PING",)])
    assert link.execute_many(server_url, [("PING",)]) == [b"PONG"]
    link.execute_many(server_url, [("CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")])
    assert link.execute_many(server_url, [("PING",)]) == [b"PONG"]


def test_speaks_tcp(link: LeaseLink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                assert b"HELLO" in peer.recv(1000)
                peer.sendall(b"%0\r\n")
                assert b"PING" in peer.recv(1000)
                peer.sendall(b"+OK\r\n+PO")
                peer.sendall(b"NG\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        url = StoreUrl("tcp", host="127.0.0.1", port=listener.getsockname()[1])
        assert link.execute_many(url, [("SET", "k", "v"), ("PING",)]) == [b"OK", b"PONG"]
        answering.join()


def test_a_peer_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    path = os.path.relpath(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        link = LeaseLink(timeout=0.05)
        with pytest.raises(StoreUnavailableError):
            link.execute_many(StoreUrl("unix", path=path), [("PING",)])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400\r\n\r\n"])
def test_a_peer_that_is_no_store_is_given_up(tmp_path: Path, said: bytes) -> None:
    path = os.path.relpath(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer() -> None:
            peer, _ = listener.accept()
            with peer, contextlib.suppress(OSError):
                peer.recv(1000)
                peer.sendall(said)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(StoreUnavailableError):
            LeaseLink(timeout=10.0).execute_many(StoreUrl("unix", path=path), [("PING",)])
        answering.join()


async def test_follows_a_store_that_moved(link: LeaseLink, server_url: StoreUrl) -> None:
    other = await EmbeddedStore.start(None)
    assert link.execute_many(other.url, [("PING",)]) == [b"PONG"]
    await other.aclose()
    with pytest.raises(StoreUnavailableError):
        link.execute_many(other.url, [("PING",)])
    assert link.execute_many(server_url, [("PING",)]) == [b"PONG"]


def test_a_name_server_that_hangs_costs_nothing(
    server_url: StoreUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = LeaseLink(timeout=5.0)
    goes_on = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                peer, _ = listener.accept()
                with peer:
                    assert b"HELLO" in peer.recv(1000)
                    peer.sendall(b"%0\r\n")
                    assert b"PING" in peer.recv(1000)
                    peer.sendall(b"+PONG\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        url = StoreUrl("tcp", host="localhost", port=listener.getsockname()[1])
        assert link.execute_many(url, [("PING",)]) == [b"PONG"]
        link.close()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: goes_on.wait(30))
        assert link.execute_many(url, [("PING",)]) == [b"PONG"]  # it is where it was
        answering.join()
        link.close()
        with pytest.raises(StoreUnavailableError, match="no name server"):
            LeaseLink(0.2).execute_many(StoreUrl("tcp", host="other", port=1), [("PING",)])
        goes_on.set()


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(StoreUnavailableError, match="no connection to the store"):
        LeaseLink(10.0).execute_many(StoreUrl("tcp", host="no.such.invalid"), [("PING",)])


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        places = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", one.getsockname())
            for one in (taken, listener)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"%0\r\n")
                peer.recv(1000)
                peer.sendall(b"+PONG\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        link = LeaseLink(10.0)
        assert link.execute_many(StoreUrl("tcp", host="x", port=1), [("PING",)]) == [b"PONG"]
        answering.join()
        link.close()
