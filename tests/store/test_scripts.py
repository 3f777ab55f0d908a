from importlib.resources import files

import pytest

from actionhero.errors import StoreReplyError
from actionhero.store.client import StoreClient
from actionhero.store.scripts import Script

ECHO = Script("echo", "return {KEYS[1], ARGV[1], #KEYS, #ARGV}")
NAMES = sorted(
    path.name.removesuffix(".lua")
    for path in files("actionhero.store").joinpath("lua").iterdir()
    if path.name.endswith(".lua")
)


async def test_a_script_runs_whether_the_store_knows_it_or_not(client: StoreClient) -> None:
    await client.execute("SCRIPT", "FLUSH")
    for _ in range(2):
        assert await ECHO(client, keys=["k"], args=[b"\x00\xff", 2]) == [b"k", b"\x00\xff", 1, 2]
    assert await client.execute("SCRIPT", "EXISTS", ECHO.sha) == [1]
    assert await Script("nothing", "return 1")(client) == 1


async def test_an_error_of_a_script_is_raised(client: StoreClient) -> None:
    with pytest.raises(StoreReplyError, match="none of it"):
        await Script("bad", "return redis.error_reply('NOPE none of it')")(client)
    with pytest.raises(StoreReplyError):
        await Script("broken", "this is not lua")(client)


async def test_a_call_as_a_command(client: StoreClient) -> None:
    await client.execute("SCRIPT", "FLUSH")
    command = ECHO.command(keys=["k"], args=[1])
    with pytest.raises(StoreReplyError) as caught:
        await client.execute(*command)
    assert caught.value.kind == "NOSCRIPT"
    await ECHO.load(client)
    assert await client.execute_many([command, command]) == [[b"k", b"1", 1, 1]] * 2


@pytest.mark.parametrize("name", NAMES)
async def test_the_store_takes_every_script_of_ours(client: StoreClient, name: str) -> None:
    script = Script(name)
    assert await client.execute("SCRIPT", "LOAD", script.source) == script.sha.encode()
    assert repr(script) == f"<Script {name}>"


def test_a_script_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match=r"no_such\.lua"):
        Script("no_such")
