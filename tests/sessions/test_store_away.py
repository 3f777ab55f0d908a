"""A session while the store is away, and what comes of it when it is back."""

import msgspec

from actionhero.settings import Settings, StoreSettings
from actionhero.store.client import StoreClient
from actionhero.testing import TestServer
from tests.sessions.kit import Browser, make_app


async def test_without_the_store_a_session_is_a_503_and_later_it_is_there_again(
    own_store: StoreClient,
) -> None:
    settings = Settings(
        env="test", store=StoreSettings(url=str(own_store.url), command_timeout=0.2)
    )
    async with TestServer(make_app(), settings=settings) as server:
        browser = Browser(server.http)
        await browser.post("/api/login", user="ada")
        await own_store.execute("CLIENT", "PAUSE", 600, "ALL")
        reply = await browser.get("/api/me")
        assert (reply.status, reply.json()["code"]) == (503, "store_unavailable")
        assert reply.headers["retry-after"] == "1"
        assert (await browser.post("/api/put", value=1)).status == 503
        assert (await browser.get("/api/where")).status == 200

        async def is_back() -> bool:
            return (await browser.get("/api/me")).status == 200

        await server.wait_for(is_back)
        assert (await browser.see())["user"] == "ada"


async def test_a_first_request_without_the_store_is_a_503(own_store: StoreClient) -> None:
    settings = Settings(
        env="test", store=StoreSettings(url=str(own_store.url), command_timeout=0.2)
    )
    async with TestServer(make_app(), settings=settings) as server:
        await own_store.execute("CLIENT", "PAUSE", 300, "ALL")
        assert (await Browser(server.http).get("/api/me")).status == 503


async def test_with_a_secret_of_the_settings_a_made_up_cookie_asks_no_store(
    own_store: StoreClient,
) -> None:
    session = msgspec.structs.replace(Settings().session, secret="0123456789abcdef")
    store = StoreSettings(url=str(own_store.url), command_timeout=0.2)
    settings = Settings(env="test", store=store, session=session)
    async with TestServer(make_app(), settings=settings) as server:
        browser = Browser(server.http)
        browser.cookie = "made.up"
        await own_store.execute("CLIENT", "PAUSE", 300, "ALL")
        assert await browser.see() == {}
