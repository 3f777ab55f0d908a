"""Huey: a no-op task, its worker, and its producer. It has no setting that keeps what was taken."""
# mypy: ignore-errors

import os

import noop
from huey import RedisHuey, crontab

huey = RedisHuey("bench", url="unix://" + os.environ["BENCH_SOCKET"], results=False)


@huey.task()
def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


if noop.PERIODIC:

    @huey.periodic_task(crontab(minute="*"))
    def tick() -> None:
        """Fire."""
        noop.tick()


def enqueue(first: int, count: int) -> None:
    """Enqueue tasks one by one; Huey has no bulk call."""
    for number in range(first, first + count):
        do_nothing(number, "ada@example.com")
