"""A store that is not there when we start: it is said at once that we wait, and why."""

import asyncio
import logging
import os
import signal

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore
from tests.store.conftest import until


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.name == "actionhero.store"]


async def test_a_refusal_is_told_before_the_time_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    connecting = asyncio.create_task(StoreClient.connect("valkey://:s3cret@127.0.0.1:1"))
    await until(lambda: bool(said(caplog)))
    assert not connecting.done()
    (line,) = said(caplog)
    assert line.startswith("no connection to the store at valkey://:***@127.0.0.1:1/0: ")
    assert line.endswith("; waiting for it, up to 10 s")
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)


async def test_silence_is_told_and_the_store_taken_when_it_speaks(
    kept: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert kept.pid is not None
    os.kill(kept.pid, signal.SIGSTOP)
    connecting = asyncio.create_task(StoreClient.connect(kept.url))
    try:
        await until(lambda: bool(said(caplog)))
        assert "within 1 s; waiting for it" in said(caplog)[0]
    finally:
        os.kill(kept.pid, signal.SIGCONT)
    client = await connecting
    assert await client.execute("PING") == b"PONG"
    assert len(said(caplog)) == 1
    await client.aclose()


async def test_no_time_to_wait_is_an_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreUnavailableError):
        await StoreClient.connect("unix:///nowhere/store.sock", connect_timeout=0.001)
    assert said(caplog) == []
