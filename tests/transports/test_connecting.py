import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make_certificate
from tests.transports.http_kit import serving


async def test_faults_are_still_reported_over_tls(tmp_path: Path) -> None:
    """Only what aiofastnet reports wrongly is kept from the loop, or from whoever asked it."""
    made = make_certificate(tmp_path)
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    for _ in range(2):  # the second server finds what the first has put there
        async with serving(tmp_path, **made.settings):
            loop.call_exception_handler({"message": "handshake", "exception": ConnectionResetError})
            loop.call_exception_handler({"message": "fault", "exception": ConnectionResetError()})
    assert [one["message"] for one in reported] == ["fault", "fault"]


async def test_without_a_handler_the_loop_reports(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, **make_certificate(tmp_path).settings):
        asyncio.get_running_loop().call_exception_handler({"message": "a fault of ours"})
    assert "a fault of ours" in caplog.text
