"""The link alone, on a loop whose time stands still."""

import asyncio
from typing import Any

import pytest

from actionhero.errors import StoreFullError, StoreReplyError, StoreUnavailableError
from actionhero.store import link as link_module
from actionhero.store.link import Link, reply_error
from tests.store.fakes import FakeLoop, FakeTransport


class Bench:
    """A link with a fake loop and transport around it."""

    def __init__(self, stall_timeout: float = 8.0) -> None:
        self.loop = FakeLoop()
        self.transport = FakeTransport()
        self.losses: list[str] = []
        self.pushes: list[list[Any]] = []
        self.link = Link(
            self.loop.real,
            stall_timeout,
            lambda _, reason: self.losses.append(reason),
            self.pushes.append,
        )
        self.link.connection_made(self.transport)

    def ask(self, *command: str) -> asyncio.Future[Any]:
        return self.link.send(command)

    @property
    def written(self) -> bytes:
        return b"".join(self.transport.written)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_turn_is_one_write(bench: Bench) -> None:
    bench.ask("GET", "a")
    bench.link.send_many([("GET", "b"), ("GET", "c")])
    bench.ask("GET", "d")
    assert bench.transport.written == []
    bench.loop.turn()
    assert len(bench.transport.written) == 1
    assert [part[-3:-2] for part in bench.written.split(b"*2")[1:]] == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_replies_come_in_order_however_they_are_cut(bench: Bench, size: int) -> None:
    futures = [bench.ask("X") for _ in range(8)]
    stream = b"+OK\r\n:7\r\n$2\r\nhi\r\n_\r\n#f\r\n,1.5\r\n%1\r\n+k\r\n*1\r\n:1\r\n*0\r\n"
    for start in range(0, len(stream), size):
        bench.link.data_received(stream[start : start + size])
    assert [f.result() for f in futures] == [b"OK", 7, b"hi", None, False, 1.5, {b"k": [1]}, []]
    assert bench.link.answered == 8


def test_a_cancelled_caller_keeps_its_place(bench: Bench) -> None:
    first, second, third = bench.ask("A"), bench.ask("B"), bench.ask("C")
    second.cancel()
    bench.link.data_received(b":1\r\n:2\r\n:3\r\n")
    assert (first.result(), third.result()) == (1, 3)


def test_a_cancelled_batch_keeps_its_places(bench: Bench) -> None:
    batch, after = bench.link.send_many([("A",), ("B",)]), bench.ask("C")
    bench.link.data_received(b":1\r\n")
    batch.cancel()
    bench.link.data_received(b"-ERR no\r\n:3\r\n")
    assert after.result() == 3


def test_an_error_reply_is_raised_by_its_future_and_is_one_reply_of_a_batch(bench: Bench) -> None:
    future, batch = bench.ask("A"), bench.link.send_many([("B",), ("C",)])
    bench.link.data_received(b"-WRONGTYPE no\r\n:1\r\n-OOM full\r\n")
    with pytest.raises(StoreReplyError, match="WRONGTYPE no") as caught:
        future.result()
    assert caught.value.kind == "WRONGTYPE"
    one, full = batch.result()
    assert one == 1
    assert isinstance(full, StoreFullError)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("ERR bad", StoreReplyError, "bad"),
        ("OOM command not allowed", StoreFullError, "OOM"),
        ("MISCONF Errors writing", StoreFullError, "free space"),
        ("LOADING soon", StoreUnavailableError, "cannot serve this now"),
        ("READONLY replica", StoreUnavailableError, "READONLY"),
    ],
)
def test_what_error_replies_become(text: str, kind: type[Exception], words: str) -> None:
    error = reply_error(text)
    assert type(error) is kind
    assert words in str(error)
    assert not getattr(error, "maybe_done", False)


def test_an_empty_batch_is_answered_at_once(bench: Bench) -> None:
    assert bench.link.send_many([]).result() == []
    bench.loop.turn()
    assert bench.written == b""


def test_what_is_no_command_is_refused_and_shifts_nothing(bench: Bench) -> None:
    with pytest.raises(ValueError, match="at least a name"):
        bench.link.send(())
    with pytest.raises(ValueError, match="at least a name"):
        bench.link.send_many([("A",), ()])
    with pytest.raises(TypeError):
        bench.link.send(("SET", "a", None))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        bench.link.send_many([("A",), ("SET", True, object())])  # type: ignore[list-item]
    future = bench.ask("B")
    bench.link.data_received(b":2\r\n")
    assert future.result() == 2


def test_pushes_go_past_the_queue(bench: Bench) -> None:
    future = bench.ask("A")
    bench.link.data_received(b">2\r\n+message\r\n+x\r\n:1\r\n")
    assert bench.pushes == [[b"message", b"x"]]
    assert future.result() == 1


def test_pushes_that_nobody_listens_to_are_dropped(bench: Bench) -> None:
    bench.link.on_push = None
    bench.link.data_received(b">1\r\n+x\r\n")
    assert bench.link.lost is None


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400\r\n", b":1\r\n", b"-ERR max clients\r\n"])
def test_a_peer_that_breaks_the_protocol_is_left(bench: Bench, noise: bytes) -> None:
    bench.link.data_received(noise)
    assert bench.link.lost is not None
    assert "protocol" in bench.link.lost
    assert bench.transport.is_aborted
    assert len(bench.losses) == 1
    if noise.startswith(b"-"):
        assert "max clients" in bench.link.lost


def test_a_loss_tells_what_may_have_been_done(bench: Bench) -> None:
    sent, batch = bench.ask("A"), bench.link.send_many([("B",), ("C",)])
    cancelled = bench.ask("D")
    bench.loop.turn()
    bench.link.data_received(b":1\r\n:2\r\n")
    unsent = bench.ask("E")
    cancelled.cancel()
    bench.link.connection_lost(ConnectionResetError("reset"))
    assert sent.result() == 1
    done, not_done = batch.exception(), unsent.exception()
    assert isinstance(done, StoreUnavailableError)
    assert isinstance(not_done, StoreUnavailableError)
    assert (done.maybe_done, not_done.maybe_done) == (True, False)
    assert "may have been carried out" in str(done)
    with pytest.raises(StoreUnavailableError, match="reset"):
        bench.ask("F")
    bench.link.connection_lost(None)
    assert len(bench.losses) == 1
    bench.loop.turn()
    assert b"E" not in bench.written


def test_too_many_in_flight_fail_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_IN_FLIGHT", 4)
    for _ in range(5):
        bench.ask("A")
    bench.loop.turn()
    with pytest.raises(StoreUnavailableError, match="too slow: 5 commands wait"):
        bench.ask("B")
    bench.link.data_received(b":1\r\n" * 2)
    bench.ask("C")
    bench.link.data_received(b":1\r\n" * 4)
    assert bench.ask("D") is not None


def test_a_peer_that_does_not_read_is_not_fed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "MAX_HELD", 1000)
    bench.link.pause_writing()
    held = [bench.ask("SET", "a", "x" * 300) for _ in range(3)]
    with pytest.raises(StoreUnavailableError, match="does not read"):
        bench.ask("SET", "a", "x" * 300)
    with pytest.raises(StoreUnavailableError, match="does not read"):
        bench.link.send_many([("SET", "a", "x" * 300)])
    bench.loop.turn()
    assert bench.written == b""
    bench.link.resume_writing()
    assert bench.written.count(b"SET") == 3
    bench.link.data_received(b"+OK\r\n" * 3)
    assert [future.result() for future in held] == [b"OK"] * 3
    bench.ask("SET", "a", "x" * 2000)


def test_an_old_command_ends_the_link(bench: Bench) -> None:
    future = bench.ask("A")
    bench.loop.turn()
    bench.loop.advance(7.9)
    assert bench.link.lost is None
    bench.loop.advance(2.2)
    assert bench.link.lost == "the store did not answer for 8 s"
    assert isinstance(future.exception(), StoreUnavailableError)


def test_a_busy_link_with_young_commands_lives(bench: Bench) -> None:
    waiting = [bench.ask("A")]
    for _ in range(100):
        bench.loop.advance(0.5)
        waiting.append(bench.ask("A"))
        bench.link.data_received(b":1\r\n")
        assert waiting.pop(0).result() == 1
    assert bench.link.lost is None


def test_a_steady_stream_does_not_hide_an_old_command() -> None:
    bench = Bench(stall_timeout=4.0)
    for _ in range(100):
        bench.ask("A")
        bench.ask("A")
        bench.loop.advance(0.25)
        if bench.link.lost is not None:
            break
        bench.link.data_received(b":1\r\n")
    assert bench.link.lost is not None


def test_an_idle_link_pings_and_notices_a_silent_death(bench: Bench) -> None:
    bench.loop.advance(2.5)
    assert b"PING" in bench.written
    bench.link.data_received(b"+PONG\r\n")
    bench.loop.advance(12)
    assert bench.link.lost == "the store did not answer for 8 s"


def test_a_pinging_link_lives_as_long_as_it_is_answered(bench: Bench) -> None:
    answered = 0
    for _ in range(100):
        bench.loop.advance(1.0)
        pings = bench.written.count(b"PING")
        bench.link.data_received(b"+PONG\r\n" * (pings - answered))
        answered = pings
    assert bench.link.lost is None


def test_our_own_pause_is_not_held_against_the_store(bench: Bench) -> None:
    future = bench.ask("A")
    bench.loop.advance(2.0)
    bench.loop.stand_still(60.0)
    assert bench.link.lost is None
    bench.link.data_received(b":1\r\n")
    assert future.result() == 1


def test_a_big_reply_may_take_its_time(bench: Bench) -> None:
    future = bench.ask("GET", "big")
    bench.link.data_received(b"$100\r\n")
    for _ in range(100):
        bench.loop.advance(0.9)
        bench.link.data_received(b"x")
    bench.link.data_received(b"\r\n")
    assert future.result() == b"x" * 100


def test_a_big_value_may_take_its_time(bench: Bench) -> None:
    bench.ask("SET", "big", "x" * 100)
    for left in range(100, 0, -1):
        bench.transport.unsent = left
        bench.loop.advance(0.9)
    assert bench.link.lost is None
    bench.loop.advance(12)
    assert bench.link.lost is not None


def test_a_lost_link_has_no_timer(bench: Bench) -> None:
    bench.link.lose("enough")
    bench.loop.advance(100)
    assert bench.losses == ["enough"]
