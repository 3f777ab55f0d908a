"""BlackSheep: the same two replies, written as its documentation does."""
# mypy: ignore-errors

from dataclasses import dataclass

from blacksheep import Application, FromJSON, FromQuery, get, json, post

app = Application()


@dataclass
class Person:
    """The typed body of the POST."""

    name: str
    age: int
    email: str
    tags: list[str]


@get("/api/hello")
async def hello(name: FromQuery[str]):
    """Say hello."""
    return json({"greeting": f"Hello, {name.value}."})


@post("/api/register")
async def register(data: FromJSON[Person]):
    """Take a typed body and give back some of it."""
    person = data.value
    return json(
        {
            "name": person.name,
            "age": person.age,
            "email": person.email,
            "tags": len(person.tags),
        }
    )
