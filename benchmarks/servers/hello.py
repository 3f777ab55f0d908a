"""Ours: the actions that answer what the reference servers answer, all else at defaults."""

from __future__ import annotations

from actionhero import App

app = App("benchmark")


@app.action("GET /hello")
async def hello(name: str) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}."}


@app.action("POST /register")
async def register(name: str, age: int, email: str, tags: list[str]) -> dict[str, str | int]:
    """Take a typed body and give back some of it."""
    return {"name": name, "age": age, "email": email, "tags": len(tags)}
