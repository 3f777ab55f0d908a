"""PgQueuer: a no-op job, its worker (`python pgqueuer_app.py`), and its producer.

The server is on a unix socket in the folder BENCH_POSTGRES, where everybody is trusted.
"""
# mypy: ignore-errors

import json
import os
from datetime import timedelta

import asyncpg
import noop
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

CONCURRENCY = int(os.environ["BENCH_CONCURRENCY"])
OPTIONS = {"heartbeat_timeout": timedelta(seconds=noop.LEASE)} if noop.IS_SAFE else {}


async def connect() -> asyncpg.Connection:
    """Connect, and make the tables if there are none."""
    server = {"host": os.environ["BENCH_POSTGRES"], "user": "postgres", "database": "postgres"}
    connection = await asyncpg.connect(**server)
    queries = Queries(AsyncpgDriver(connection))
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    return connection


async def work() -> None:
    """Run jobs until the process is ended."""
    queuer = PgQueuer(AsyncpgDriver(await connect()))

    @queuer.entrypoint("do_nothing")
    async def do_nothing(job: Job) -> None:
        await noop.run_async(**json.loads(job.payload))

    if noop.PERIODIC:

        @queuer.schedule("tick", "* * * * *")
        async def tick(schedule: object) -> None:  # noqa: ARG001
            noop.tick()

    most = {"max_concurrent_tasks": 2 * CONCURRENCY} if noop.TRACE else {}
    await queuer.run(batch_size=CONCURRENCY, **most, **OPTIONS)


async def enqueue(first: int, count: int) -> None:
    """Enqueue jobs in bulk."""
    connection = await connect()
    queries = Queries(AsyncpgDriver(connection))
    for begin in range(first, first + count, 1000):
        numbers = range(begin, min(begin + 1000, first + count))
        payloads = [
            json.dumps({"number": number, "email": "ada@example.com"}).encode()
            for number in numbers
        ]
        await queries.enqueue(["do_nothing"] * len(payloads), payloads, [0] * len(payloads))
    await connection.close()


if __name__ == "__main__":
    uvloop.run(work())
