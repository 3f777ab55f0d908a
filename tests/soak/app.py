"""What is used for minutes on end: an action of every kind, and tasks that they enqueue."""

import asyncio
import random
from collections.abc import AsyncIterator

from actionhero import App, RawBody, Session, UploadedFile

app = App("soak")
app.room("lobby", history=5)


@app.action("GET /hello")
async def hello(name: str = "Ada") -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}."}


@app.action("POST /sum")
async def add(numbers: list[float], label: str = "") -> dict[str, float]:
    """Add up."""
    return {label: sum(numbers)}


@app.action("GET /large")
async def large(size: int = 300_000) -> bytes:
    """Many bytes."""
    return b"x" * size


@app.action("GET /broken")
async def broken() -> None:
    """Fails."""
    raise ValueError("as it always does")


@app.action("GET /pause")
async def pause() -> str:
    """Takes a while."""
    await asyncio.sleep(0.05)
    return "done"


@app.action("GET /count")
async def count(to: int = 20) -> AsyncIterator[int]:
    """Streams numbers."""
    for number in range(to):
        await asyncio.sleep(0.005)
        yield number


@app.action("POST /upload")
async def upload(file: UploadedFile) -> dict[str, int]:
    """Takes a file."""
    return {"size": file.size}


@app.action("POST /raw")
async def raw(body: RawBody) -> int:
    """Takes bytes."""
    return len(body.content)


@app.action("POST /login")
async def login(session: Session) -> None:
    """Lets one in."""
    session["user"] = "Ada"
    await session.rotate()


@app.action("POST /logout")
async def logout(session: Session) -> None:
    """Lets one out."""
    await session.destroy()


@app.task(queue="soak")
async def work(number: int) -> None:
    """Does something."""
    await asyncio.sleep(0)


@app.task(queue="soak", retries=20, backoff="10ms", max_backoff="100ms")
async def flaky(number: int) -> None:
    """Fails half of the time."""
    if random.random() < 0.5:
        raise ValueError("not this time")


@app.action("POST /enqueue")
async def enqueue(number: int) -> None:
    """Leaves some work for later."""
    await work(number=number).enqueue()
    await work(number=number).enqueue(delay="100ms")
    if number % 3 == 0:
        await flaky(number=number).enqueue()
