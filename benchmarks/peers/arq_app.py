"""arq: a no-op job, its worker, and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from arq import create_pool
from arq.connections import RedisSettings

SETTINGS = RedisSettings(unix_socket_path=os.environ["BENCH_SOCKET"])


async def do_nothing(context: dict, number: int, email: str) -> None:  # noqa: ARG001
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


class WorkerSettings:
    """What the worker runs, and how."""

    functions = (do_nothing,)
    redis_settings = SETTINGS
    max_jobs = int(os.environ["BENCH_CONCURRENCY"])
    keep_result = 0
    # The default half second between polls would be most of the time.
    poll_delay = 0.005


async def enqueue(count: int) -> None:
    """Enqueue jobs, 50 at a time."""
    pool = await create_pool(SETTINGS)
    for first in range(0, count, 50):
        numbers = range(first, min(first + 50, count))
        jobs = (pool.enqueue_job("do_nothing", number, "ada@example.com") for number in numbers)
        await asyncio.gather(*jobs)
    await pool.aclose()
