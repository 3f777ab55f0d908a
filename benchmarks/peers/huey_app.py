"""Huey: a no-op task, its worker, and its producer."""
# mypy: ignore-errors

import os

import noop
from huey import RedisHuey

huey = RedisHuey("bench", url="unix://" + os.environ["BENCH_SOCKET"], results=False)


@huey.task()
def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


def enqueue(count: int) -> None:
    """Enqueue tasks one by one; Huey has no bulk call."""
    for number in range(count):
        do_nothing(number, "ada@example.com")
