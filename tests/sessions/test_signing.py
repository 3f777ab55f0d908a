import pytest

from actionhero.errors import SettingsError
from actionhero.sessions import Sessions
from actionhero.sessions.signing import Secrets, new_session_id, read_signed, sign
from actionhero.settings import SessionSettings
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys

KEY = b"a secret of some length"
OTHER = b"another secret of some length"


def signed(text: str, secret: bytes = KEY) -> str:
    return f"{text}.{sign(secret, 'session', text)}"


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_session_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(id) for id in ids} == {32}


def test_what_was_signed_is_read() -> None:
    assert read_signed([KEY], "session", signed("x")) == "x"
    assert read_signed([OTHER, KEY], "session", signed("x")) == "x"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "x",
        "x.",
        "." + sign(KEY, "session", "x"),
        signed("x", OTHER),
        signed("x")[:-1],
        signed("x") + "A",
        signed("x") + "=",
        "y" + signed("x")[1:],
        f"x.{sign(KEY, 'csrf', 'x')}",
        signed("x" * 300),
        "x.ü",
        "x.\ud800",
    ],
)
def test_all_else_is_not(token: str) -> None:
    assert read_signed([KEY], "session", token) is None


@pytest.mark.parametrize("secrets", [{"secret": "short"}, {"old_secrets": ("short",)}])
def test_a_short_secret_is_refused(
    store: StoreClient, keys: Keys, secrets: dict[str, object]
) -> None:
    with pytest.raises(SettingsError, match="16 signs or more") as caught:
        Secrets(store, keys, SessionSettings(**secrets))  # type: ignore[arg-type]
    assert "short" not in str(caught.value)


async def test_old_secrets_are_believed_still(store: StoreClient, keys: Keys) -> None:
    settings = SessionSettings(secret=OTHER.decode(), old_secrets=(KEY.decode(),))
    secrets = Secrets(store, keys, settings)
    await secrets.prepare()
    await secrets.renew()
    assert not await secrets.look_again()
    assert secrets.values == (OTHER, KEY)
    assert await store.execute("EXISTS", keys.session_secret) == 0


async def test_servers_find_one_secret_in_the_store(store: StoreClient, keys: Keys) -> None:
    one, other = (Secrets(store, keys, SessionSettings()) for _ in range(2))
    await one.prepare()
    await other.prepare()
    assert one.values == other.values
    assert len(one.values[0]) == 43


async def test_made_up_cookies_have_the_store_asked_seldom(store: StoreClient, keys: Keys) -> None:
    secrets = Secrets(store, keys, SessionSettings())
    await secrets.prepare()
    await store.execute("DEL", keys.session_secret)
    assert [await secrets.look_again() for _ in range(100)] == [False] * 100
    assert await store.execute("EXISTS", keys.session_secret) == 0


@pytest.mark.parametrize("cookie", ["", "two words", "a=b", "ü", "a;b"])
def test_a_cookie_has_a_name(store: StoreClient, keys: Keys, cookie: str) -> None:
    with pytest.raises(SettingsError, match=r"session\.cookie: .* is not a cookie name"):
        Sessions(store, keys, SessionSettings(cookie=cookie), {})
