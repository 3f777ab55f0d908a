"""Litestar: the same two replies, with msgspec's structs, as its documentation does."""
# mypy: ignore-errors

from litestar import Litestar, get, post
from people import Person, summarise


@get("/api/hello")
async def hello(name: str) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}."}


@post("/api/register", status_code=200)
async def register(data: Person) -> dict[str, str | int]:
    """Take a typed body and give back some of it."""
    return summarise(data)


app = Litestar([hello, register], openapi_config=None)
