"""SAQ: a no-op job, its worker, and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

redis = Redis(unix_socket_path=os.environ["BENCH_SOCKET"])
queue = RedisQueue(redis, name="bench")


async def do_nothing(context: dict, *, number: int, email: str) -> None:  # noqa: ARG001
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


settings = {
    "queue": queue,
    "functions": [do_nothing],
    "concurrency": int(os.environ["BENCH_CONCURRENCY"]),
}


async def enqueue(count: int) -> None:
    """Enqueue jobs, 50 at a time, that leave nothing behind."""
    await queue.connect()
    for first in range(0, count, 50):
        numbers = range(first, min(first + 50, count))
        jobs = (
            queue.enqueue("do_nothing", ttl=-1, number=n, email="ada@example.com") for n in numbers
        )
        await asyncio.gather(*jobs)
    await queue.disconnect()
