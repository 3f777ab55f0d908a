"""SAQ: a no-op job, its worker, and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from redis.asyncio import Redis
from saq import CronJob
from saq.queue.redis import RedisQueue

redis = Redis(unix_socket_path=os.environ["BENCH_SOCKET"])
queue = RedisQueue(redis, name="bench")
OPTIONS = {"timeout": noop.LEASE, "retries": 3} if noop.IS_SAFE else {}


async def do_nothing(context: dict, *, number: int, email: str) -> None:  # noqa: ARG001
    """Do nothing, with a small typed payload."""
    await noop.run_async(number, email)


async def tick(context: dict) -> None:  # noqa: ARG001
    """Fire."""
    noop.tick()


settings = {
    "queue": queue,
    "functions": [do_nothing],
    "concurrency": int(os.environ["BENCH_CONCURRENCY"]),
}
if noop.IS_SAFE:
    settings["timers"] = {"sweep": 5}
if noop.PERIODIC:
    settings["cron_jobs"] = [CronJob(tick, cron="* * * * * */1")]


async def enqueue(first: int, count: int) -> None:
    """Enqueue jobs, 50 at a time, that leave nothing behind."""
    await queue.connect()
    for begin in range(first, first + count, 50):
        numbers = range(begin, min(begin + 50, first + count))
        jobs = (
            queue.enqueue("do_nothing", ttl=-1, number=n, email="ada@example.com", **OPTIONS)
            for n in numbers
        )
        await asyncio.gather(*jobs)
    await queue.disconnect()
