import asyncio
from typing import cast

import pytest

from actionhero.transports.ws_outbox import Outbox
from tests.transports.serving import eventually


class Paper:
    """A transport that keeps what is written."""

    def __init__(self, is_closed: bool = False) -> None:
        self.written: list[bytes] = []
        self.is_closed = is_closed

    def write(self, frame: bytes) -> None:
        if self.is_closed:
            raise RuntimeError("it is closed")
        self.written.append(frame)


def transport(paper: Paper) -> asyncio.Transport:
    return cast("asyncio.Transport", paper)


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox()


async def test_frames_leave_at_the_end_of_the_turn(outbox: Outbox) -> None:
    paper = Paper()
    for frame in (b"a", b"b"):
        outbox.add(transport(paper), frame)
    assert paper.written == []
    await eventually(lambda: paper.written == [b"a", b"b"])
    outbox.add(transport(paper), b"c")
    outbox.flush()
    assert paper.written == [b"a", b"b", b"c"]


async def test_what_work_adds_leaves_when_it_is_done(outbox: Outbox) -> None:
    paper = Paper()

    def work() -> None:
        outbox.add(transport(paper), b"a")
        assert paper.written == []

    outbox.gather(work)
    assert paper.written == [b"a"]

    def fail() -> None:
        outbox.add(transport(paper), b"b")
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        outbox.gather(fail)
    assert paper.written == [b"a", b"b"]


async def test_a_closed_connection_holds_up_no_other(outbox: Outbox) -> None:
    closed, paper = Paper(is_closed=True), Paper()
    outbox.add(transport(closed), b"a")
    outbox.add(transport(paper), b"b")
    outbox.flush()
    assert (closed.written, paper.written) == ([], [b"b"])


@pytest.mark.parametrize("frames", [[b"x"] * 501, [b"x" * 65_537]])
async def test_much_does_not_wait(outbox: Outbox, frames: list[bytes]) -> None:
    paper = Paper()
    for frame in frames:
        outbox.add(transport(paper), frame)
    assert paper.written == frames
