"""Types in words, and an action's inputs without a connection."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from actionhero import (
    App,
    Cache,
    Connection,
    Peers,
    RawBody,
    Rooms,
    Session,
    Settings,
    Stats,
    Tasks,
    UploadedFile,
)
from actionhero.cli.describe import describe_inputs, inputs_of, kind_in_words
from actionhero.services import PROVIDED
from actionhero.settings import StoreSettings


class Point(Struct):
    x: int


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "text"),
        (int, "integer"),
        (float, "number"),
        (bool, "boolean"),
        (list[str], "list of text"),
        (list[Any], "list"),
        (dict[str, int], "object"),
        (Any, "anything"),
        (Point, "Point"),
        (str | None, "text | null"),
        (Literal["a", "b"], "a | b"),
        (Annotated[int, Meta(ge=1, le=5)], "integer 1 to 5"),
        (Annotated[int, Meta(ge=1)], "integer ≥ 1"),
        (Annotated[float, Meta(le=5)], "number ≤ 5"),
        (Annotated[str, Meta(min_length=1, max_length=9)], "text 1 to 9 characters"),
        (Annotated[str, Meta(pattern="^a$")], "text like ^a$"),
        (Annotated[list[int], Meta(max_length=3)], "list of integer ≤ 3 items"),
    ],
)
def test_a_type_in_words(kind: Any, words: str) -> None:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    assert kind_in_words(schema) == words


class Database(Struct):
    pass


async def test_what_is_handed_in_is_no_input() -> None:
    app = App("test")

    @app.initializer
    async def database() -> AsyncIterator[Database]:
        yield Database()

    @app.action
    async def one(
        a: int,
        db: Database,
        stats: Stats,
        connection: Connection,
        b: str = "x",
        c: int | None = None,
    ) -> None: ...

    inputs = describe_inputs(inputs_of(app, one))
    assert [(i.name, i.is_required, i.default) for i in inputs] == [
        ("a", True, ""),
        ("b", False, '"x"'),
        ("c", False, "null"),
    ]


async def test_whatever_an_app_hands_in_is_no_input() -> None:
    app = App("test")

    @app.action
    async def one(
        a: int,
        connection: Connection,
        session: Session,
        raw: RawBody,
        own: App,
        stats: Stats,
        cache: Cache,
        tasks: Tasks,
        peers: Peers,
        rooms: Rooms,
        settings: Settings,
    ) -> None: ...
    @app.action
    async def two(a: int, file: UploadedFile, more: list[UploadedFile]) -> None: ...

    assert list(inputs_of(app, one).fields) == list(inputs_of(app, two).fields) == ["a"]
    async with app.connected(Settings(store=StoreSettings(url="embedded::memory:"))) as services:
        assert all(services.provides(kind) for kind in PROVIDED)
