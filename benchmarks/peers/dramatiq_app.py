"""Dramatiq: a no-op actor, its worker, and its producer."""
# mypy: ignore-errors

import os

import dramatiq
import noop
from dramatiq.brokers.redis import RedisBroker

OPTIONS = {}
if noop.IS_SAFE:
    # Dead workers are looked for by chance, one command in a thousand; here one in a hundred.
    OPTIONS = {"heartbeat_timeout": noop.LEASE * 1000, "maintenance_chance": 10_000}

dramatiq.set_broker(RedisBroker(url="unix://" + os.environ["BENCH_SOCKET"], **OPTIONS))


@dramatiq.actor
def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


def enqueue(first: int, count: int) -> None:
    """Enqueue tasks one by one; Dramatiq has no bulk call."""
    for number in range(first, first + count):
        do_nothing.send(number, "ada@example.com")
