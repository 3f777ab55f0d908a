"""The cache in a file, and back."""

import os
from pathlib import Path

import pytest

from actionhero.cache import Cache
from actionhero.errors import MalformedError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


async def test_all_comes_back(cache: Cache, tmp_path: Path) -> None:
    await cache.save("a", {"deep": [1, None, "ä\n"]})
    await cache.save("b", 2, expire="10m")
    await cache.increment("count", 5)
    for item in (1, {"two": 2}):
        await cache.push("list", item, expire="10m")
    file = tmp_path / "cache.jsonl"
    assert await cache.dump(file) == 4
    await cache.clear()
    await cache.push("list", "another")
    await cache.save("kept", 1)
    assert await cache.restore(file) == 4
    assert await cache.get("a") == {"deep": [1, None, "ä\n"]}
    assert await cache.increment("count") == 6
    assert [await cache.pop("list") for _ in range(3)] == [1, {"two": 2}, None]
    assert await cache.get("kept") == 1
    found = await cache.load("b")
    assert found is not None
    assert found.expires_at is not None
    assert found.expires_at <= found.created_at + 600_000
    assert os.listdir(tmp_path) == ["cache.jsonl"]


async def test_what_has_expired_stays_away(
    cache: Cache, store: StoreClient, keys: Keys, tmp_path: Path
) -> None:
    file = tmp_path / "cache.jsonl"
    file.write_text(
        '{"key":"old","at":1000,"value":1,"lifetime":50}\n{"key":"k","at":1,"value":2}\n'
    )
    assert await cache.restore(file) == 1
    assert (await cache.keys()).keys == ["k"]


async def test_an_empty_cache_is_an_empty_file(cache: Cache, tmp_path: Path) -> None:
    assert await cache.dump(tmp_path / "none") == 0
    assert await cache.restore(tmp_path / "none") == 0


@pytest.mark.parametrize("line", ["nonsense", '{"key":1}', "[]", '{"at":1}', '{"key":"k","at":1}'])
async def test_a_file_that_is_none_of_ours_is_told(cache: Cache, tmp_path: Path, line: str) -> None:
    file = tmp_path / "file"
    file.write_text('{"key":"k","at":1,"value":2}\n' + line + "\n")
    with pytest.raises(MalformedError):
        await cache.restore(file)


async def test_a_place_that_cannot_be_written_is_told(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cache"):
        await cache.dump(tmp_path / "no" / "cache")
    with pytest.raises(FileNotFoundError):
        await cache.restore(tmp_path / "no")
    assert os.listdir(tmp_path) == []
