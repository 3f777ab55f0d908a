"""Taskiq: a no-op task, its worker, and its producer.

The broker is the one on streams: the one on lists drops what a killed worker had taken.
"""
# mypy: ignore-errors

import asyncio
import os

import noop
from taskiq import TaskiqScheduler
from taskiq.schedule_sources import LabelScheduleSource
from taskiq_redis import RedisStreamBroker

OPTIONS = {}
if noop.IS_SAFE:
    OPTIONS = {"idle_timeout": noop.LEASE * 1000, "unacknowledged_lock_timeout": noop.LEASE}

broker = RedisStreamBroker("unix://" + os.environ["BENCH_SOCKET"], consumer_id="0", **OPTIONS)
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])


@broker.task
async def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    await noop.run_async(number, email)


@broker.task(schedule=[{"interval": 1}] if noop.PERIODIC else [])
async def tick() -> None:
    """Fire."""
    noop.tick()


async def enqueue(first: int, count: int) -> None:
    """Enqueue tasks, 50 at a time."""
    await broker.startup()
    for begin in range(first, first + count, 50):
        numbers = range(begin, min(begin + 50, first + count))
        await asyncio.gather(*(do_nothing.kiq(number, "ada@example.com") for number in numbers))
    await broker.shutdown()
