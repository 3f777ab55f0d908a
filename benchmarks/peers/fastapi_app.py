"""FastAPI: the same two replies, written as its documentation does."""
# mypy: ignore-errors

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Person(BaseModel):
    """The typed body of the POST."""

    name: str
    age: int
    email: str
    tags: list[str]


class Greeting(BaseModel):
    """The typed reply of the GET."""

    greeting: str


class Registered(BaseModel):
    """The typed reply of the POST."""

    name: str
    age: int
    email: str
    tags: int


@app.get("/api/hello")
async def hello(name: str) -> Greeting:
    """Say hello."""
    return Greeting(greeting=f"Hello, {name}.")


@app.post("/api/register")
async def register(person: Person) -> Registered:
    """Take a typed body and give back some of it."""
    return Registered(name=person.name, age=person.age, email=person.email, tags=len(person.tags))
