"""The demo's chat page in a real Chromium. `make browser` installs what this needs."""

import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import actionhero.demo
from tests.processes import ServerProcess

playwright = pytest.importorskip("playwright.async_api", reason="make browser installs playwright")
if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.timeout(150)
DEADLINE = 40_000.0
PUBLIC = Path(actionhero.demo.__file__).parent / "public"


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not on this machine (Debian: apt install chromium)")
    async with playwright.async_playwright() as driver:
        yield await driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """The demo, with a folder of its own."""
    server = ServerProcess(tmp_path, "actionhero.demo:app", ACTIONHERO_WEB__PUBLIC=str(PUBLIC))
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def opened(browser: "Browser", server: ServerProcess, name: str) -> "Page":
    page = await browser.new_page()
    await page.goto(f"http://localhost:{server.http_port}/public/chat.html")
    await expect_state(page, "open")
    await page.wait_for_function("document.querySelector('#name').value != ''", timeout=DEADLINE)
    await page.fill("#name", name)
    return page


async def expect_state(page: "Page", state: str) -> None:
    shown = f"document.querySelector('#state').textContent == '{state}'"
    await page.wait_for_function(shown, timeout=DEADLINE)


async def say(page: "Page", text: str) -> None:
    await page.fill("#text", text)
    await page.click("button")


async def expect_said(page: "Page", *lines: str) -> None:
    """Exactly these, in this order."""
    shown = "(lines) => [...document.querySelectorAll('#said li')].length >= lines.length"
    await page.wait_for_function(shown, arg=list(lines), timeout=DEADLINE)
    assert await page.locator("#said li").all_inner_texts() == list(lines)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_two_pages_talk_and_a_restart_loses_nothing(
    browser: "Browser", server: ServerProcess, how: signal.Signals
) -> None:
    one, other = await opened(browser, server, "Ada"), await opened(browser, server, "Bo")
    await say(one, "hello")
    for page in (one, other):
        await expect_said(page, "Ada hello")
    server.send(how)
    await server.wait()
    await expect_state(one, "waiting")
    await say(one, "while it is away")
    await server.start()
    for page in (one, other):
        await expect_said(page, "Ada hello", "Ada while it is away")
    await say(other, "I heard it")
    for page in (one, other):
        await expect_said(page, "Ada hello", "Ada while it is away", "Bo I heard it")
