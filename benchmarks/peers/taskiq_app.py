"""Taskiq: a no-op task, its worker, and its producer.

The broker is the one on streams: the one on lists drops what a killed worker had taken.
"""
# mypy: ignore-errors

import asyncio
import os

import noop
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker("unix://" + os.environ["BENCH_SOCKET"], consumer_id="0")


@broker.task
async def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


async def enqueue(count: int) -> None:
    """Enqueue tasks, 50 at a time."""
    await broker.startup()
    for first in range(0, count, 50):
        numbers = range(first, min(first + 50, count))
        await asyncio.gather(*(do_nothing.kiq(number, "ada@example.com") for number in numbers))
    await broker.shutdown()
