"""arq: a no-op job, its worker, and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from arq import create_pool, cron
from arq.connections import RedisSettings

SETTINGS = RedisSettings(unix_socket_path=os.environ["BENCH_SOCKET"])


async def do_nothing(context: dict, number: int, email: str) -> None:  # noqa: ARG001
    """Do nothing, with a small typed payload."""
    await noop.run_async(number, email)


async def tick(context: dict) -> None:  # noqa: ARG001
    """Fire."""
    noop.tick()


class WorkerSettings:
    """What the worker runs, and how."""

    functions = (do_nothing,)
    redis_settings = SETTINGS
    max_jobs = int(os.environ["BENCH_CONCURRENCY"])
    keep_result = 0
    # The default half second between polls would be most of the time.
    poll_delay = 0.005
    # A job that a killed worker had is free again 10 s after its time is up.
    job_timeout = noop.LEASE if noop.IS_SAFE else 300
    cron_jobs = (cron(tick, second=set(range(60))),) if noop.PERIODIC else None


async def enqueue(first: int, count: int) -> None:
    """Enqueue jobs, 50 at a time."""
    pool = await create_pool(SETTINGS)
    for begin in range(first, first + count, 50):
        numbers = range(begin, min(begin + 50, first + count))
        jobs = (pool.enqueue_job("do_nothing", number, "ada@example.com") for number in numbers)
        await asyncio.gather(*jobs)
    await pool.aclose()
