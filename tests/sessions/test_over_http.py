"""Sessions as a browser meets them."""

import asyncio
import logging
import re

import pytest

from actionhero.store.client import StoreClient
from actionhero.testing import TestServer
from tests.sessions.kit import Browser


async def keys_of(store: StoreClient) -> list[str]:
    found = await store.execute("KEYS", "sessions:session:*")
    return sorted(key.decode() for key in found)


async def test_what_is_set_is_there_the_next_time(browser: Browser) -> None:
    reply = await browser.post("/api/put", key="theme", value={"dark": [1, 2.5, None]})
    assert re.fullmatch(
        r"session=[\w-]{32}\.[\w-]{43}; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax",
        reply.headers["set-cookie"],
    )
    assert reply.headers["cache-control"] == "no-store"
    assert await browser.see() == {"theme": {"dark": [1, 2.5, None]}}


async def test_who_only_looks_leaves_nothing(browser: Browser, store: StoreClient) -> None:
    reply = await browser.get("/api/me")
    assert reply.json() == {"session": {}, "new": True}
    assert "set-cookie" not in reply.headers
    assert await store.execute("KEYS", "sessions:session*") == [b"sessions:session-secret"]


async def test_changes_inside_a_value_are_kept_and_names_forgotten(browser: Browser) -> None:
    for item in (1, 2):
        await browser.post("/api/push", item=item)
    assert await browser.see() == {"items": [1, 2]}
    await browser.post("/api/forget", key="items")
    assert await browser.see() == {}


async def test_the_cookie_is_secure_over_tls(browser: Browser) -> None:
    browser.headers["X-Forwarded-Proto"] = "https"
    reply = await browser.post("/api/put")
    assert "; Secure;" in reply.headers["set-cookie"]


async def test_a_session_is_saved_when_the_action_refuses_not_when_it_fails(
    browser: Browser,
) -> None:
    assert (await browser.post("/api/fail", status=403)).status == 403
    assert await browser.see() == {"failed": 403}
    assert (await browser.post("/api/fail", status=500)).status == 500
    assert await browser.see() == {"failed": 403}


async def test_a_login_changes_the_id_and_the_old_one_is_worth_nothing(
    browser: Browser, store: StoreClient
) -> None:
    await browser.post("/api/put", key="basket", value=3)
    planted, before = browser.cookie, await keys_of(store)
    await browser.post("/api/login", user="ada")
    assert browser.cookie != planted
    assert await browser.see() == {"basket": 3, "user": "ada"}
    after = await keys_of(store)
    assert len(after) == 1
    assert after != before
    browser.cookie = planted
    assert await browser.see() == {}


async def test_an_id_that_a_client_brings_along_is_never_taken_up(
    browser: Browser, store: StoreClient
) -> None:
    await browser.post("/api/put", value=1)
    known = browser.cookie
    await store.execute("DEL", *await keys_of(store))
    await browser.post("/api/put", value=2)
    assert browser.cookie != known
    assert await browser.see() == {"k": 2}


async def test_a_logout_ends_it_everywhere(browser: Browser, store: StoreClient) -> None:
    await browser.post("/api/login", user="ada")
    known = browser.cookie
    reply = await browser.post("/api/logout")
    assert reply.headers["set-cookie"].startswith("session=; Path=/; Max-Age=0;")
    browser.cookie = known
    assert await browser.see() == {}
    assert await keys_of(store) == []


async def test_a_cookie_that_was_cut_is_none(browser: Browser) -> None:
    await browser.post("/api/put", value=1)
    good = browser.cookie
    for wrong in (good[:-1], good[1:], good[:32], good[33:], good + "A", good + good):
        browser.cookie = wrong
        assert await browser.see() == {}


async def test_garbage_for_a_cookie_is_none(browser: Browser) -> None:
    for cookie in ("", ".", "a.b", "ä.b", '"', "a" * 4000, "..", "=;", ";session"):
        browser.cookie = cookie
        assert await browser.see() == {}


async def test_every_single_changed_sign_is_found_out(browser: Browser) -> None:
    await browser.post("/api/put", value=1)
    good = browser.cookie
    for i in range(0, len(good), 5):
        browser.cookie = good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1 :]
        assert await browser.see() == {}


async def test_servers_agree_on_cookies(browser: Browser, second: TestServer) -> None:
    await browser.post("/api/put", value=1)
    other = Browser(second.http)
    other.cookie = browser.cookie
    assert await other.see() == {"k": 1}
    await other.post("/api/put", key="more", value=2)
    assert await browser.see() == {"k": 1, "more": 2}


async def test_servers_agree_again_when_the_store_was_emptied(
    browser: Browser, second: TestServer, store: StoreClient
) -> None:
    other = Browser(second.http)
    await browser.post("/api/put", value=1)
    await other.get("/api/me")
    await store.execute("FLUSHALL")
    assert await browser.see() == {}
    await browser.post("/api/put", value=2)
    other.cookie = browser.cookie
    assert await other.see() == {"k": 2}
    await store.execute("FLUSHALL")
    await other.post("/api/put", value=3)
    browser.cookie = other.cookie
    assert await browser.see() == {"k": 3}


async def test_calls_at_once_keep_what_each_has_changed(
    browser: Browser, server: TestServer
) -> None:
    await browser.post("/api/put", value=0)

    async def put(key: str) -> None:
        from actionhero.testing import HttpClient

        http = HttpClient("127.0.0.1", server.server.http_port)
        one = Browser(http)
        one.cookie = browser.cookie
        await one.post("/api/put", key=key, value=key)
        await http.aclose()

    await asyncio.gather(*(put(f"key{n}") for n in range(20)))
    assert await browser.see() == {"k": 0, **{f"key{n}": f"key{n}" for n in range(20)}}


async def test_too_much_is_refused_and_changes_nothing(browser: Browser) -> None:
    await browser.post("/api/put", value=1)
    reply = await browser.post("/api/put", key="long", value="x" * 1000)
    assert reply.status == 500
    assert reply.json()["code"] == "session"
    assert "session.max_bytes" in reply.json()["detail"]
    assert await browser.see() == {"k": 1}


async def test_a_middleware_may_look_at_the_session(browser: Browser) -> None:
    assert (await browser.get("/api/guarded")).status == 401
    await browser.post("/api/login", user="ada")
    assert (await browser.get("/api/guarded")).json() == "inside"


async def test_the_end_is_put_off_by_use(
    browser: Browser, server: TestServer, store: StoreClient
) -> None:
    await browser.post("/api/put", value=1)
    (key,) = await keys_of(store)
    life = 14 * 86400 * 1000
    assert life - 60_000 < await store.execute("PTTL", key) <= life
    assert "set-cookie" not in (await browser.get("/api/me")).headers
    await store.execute("PEXPIRE", key, life // 2)
    await store.execute("HSET", key, "", 1)  # the cookie was given long ago
    reply = await browser.get("/api/me")
    assert reply.headers["set-cookie"].startswith(f"session={browser.cookie}; ")
    assert await store.execute("PTTL", key) > life - 60_000
    assert "set-cookie" not in (await browser.get("/api/me")).headers


async def test_a_stream_reads_the_session_and_keeps_what_it_changes(
    browser: Browser, server: TestServer
) -> None:
    await browser.post("/api/put", value=1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.server.http_port)
    cookie = f"Cookie: session={browser.cookie}"
    writer.write(f"GET /api/stream HTTP/1.1\r\nHost: a\r\n{cookie}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head
    await reader.readuntil(b"event: end")
    writer.close()
    await writer.wait_closed()
    await server.wait_for(lambda: _has(browser, "streamed"))


async def _has(browser: Browser, key: str) -> bool:
    return key in await browser.see()


async def test_nothing_of_a_session_is_logged(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await browser.post("/api/login", user="ada-lovelace")
    await browser.post("/api/fail", status=500)
    assert browser.cookie[:32] not in caplog.text
    assert "ada-lovelace" not in caplog.text


async def test_a_rotation_holds_though_the_action_fails(browser: Browser) -> None:
    await browser.post("/api/put", value=1)
    planted = browser.cookie
    assert (await browser.post("/api/steps", steps=["set", "rotate", "set", "fail"])).status == 500
    assert browser.cookie != planted
    assert await browser.see() == {"k": 1, "step0": 0}


async def test_so_does_an_end(browser: Browser, store: StoreClient) -> None:
    await browser.post("/api/put", value=1)
    reply = await browser.post("/api/steps", steps=["destroy", "fail"])
    assert reply.headers["set-cookie"].startswith("session=; Path=/; Max-Age=0;")
    assert await keys_of(store) == []


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        (["rotate", "rotate", "set", "rotate"], {"k": 1, "step2": 2}),
        (["destroy", "set"], {"step1": 1}),
        (["set", "destroy", "destroy"], {}),
        (["destroy", "rotate", "set"], {"step2": 2}),
        (["set", "destroy", "set", "rotate", "set", "redirect"], {"step2": 2, "step4": 4}),
        (["destroy", "token"], {}),
        (["token", "rotate", "token", "set"], {"k": 1, "step3": 3}),
        (["redirect", "set"], {"k": 1, "step1": 1}),
    ],
)
async def test_any_order_of_steps_ends_in_one_session_and_one_cookie(
    browser: Browser, store: StoreClient, steps: list[str], kept: dict[str, int]
) -> None:
    await browser.post("/api/put", value=1)
    await browser.post("/api/steps", steps=steps)
    assert await browser.see() == kept
    keys = await keys_of(store)
    assert len(keys) == (1 if browser.cookie else 0)
    fresh = [step for step in steps if step != "destroy"]
    browser.cookie = ""
    await browser.post("/api/steps", steps=fresh)
    assert set((await browser.see()).values()) == {n for n, s in enumerate(fresh) if s == "set"}


async def test_a_client_that_goes_away_changes_nothing(
    browser: Browser, server: TestServer, store: StoreClient
) -> None:
    await browser.post("/api/put", value=1)
    _, writer = await asyncio.open_connection("127.0.0.1", server.server.http_port)
    body = b'{"steps": ["set", "sleep"]}'
    head = "POST /api/steps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    fields = "".join(f"{name}: {value}\r\n" for name, value in browser.fields.items())
    writer.write(f"{head}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    dispatcher = server.services.dispatcher

    async def runs() -> bool:
        return dispatcher.pending == 1

    async def is_over() -> bool:
        return dispatcher.pending == 0

    await server.wait_for(runs)
    writer.close()
    await server.wait_for(is_over)
    assert await browser.see() == {"k": 1}


async def test_what_others_have_written_into_the_store_is_an_error_of_ours(
    browser: Browser, store: StoreClient
) -> None:
    await browser.post("/api/put", value=1)
    (key,) = await keys_of(store)
    await store.execute("HSET", key, "k", "{broken")
    reply = await browser.get("/api/me")
    assert (reply.status, reply.json()["code"]) == (500, "session")
    await store.execute("SET", key, "no hash")
    assert (await browser.get("/api/me")).status == 503
