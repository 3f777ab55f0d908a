"""docket: a no-op task, its worker (`python docket_app.py`), and its producer."""
# mypy: ignore-errors

import os
from datetime import timedelta

import noop
import uvloop
from docket import Docket, Perpetual, Worker

OPTIONS = {"redelivery_timeout": timedelta(seconds=noop.LEASE)} if noop.IS_SAFE else {}


def connect() -> Docket:
    """Give the docket; what ended leaves nothing behind."""
    url = "unix://" + os.environ["BENCH_SOCKET"]
    return Docket(name="bench", url=url, execution_ttl=timedelta(0))


async def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    await noop.run_async(number, email)


async def tick(again: Perpetual = Perpetual(every=timedelta(seconds=1), automatic=True)) -> None:  # noqa: ARG001, B008
    """Fire."""
    noop.tick()


async def work() -> None:
    """Run tasks until the process is ended."""
    async with connect() as docket:
        docket.register(do_nothing)
        if noop.PERIODIC:
            docket.register(tick)
        concurrency = int(os.environ["BENCH_CONCURRENCY"])
        # The default quarter of a second between polls would be most of the time.
        often = timedelta(milliseconds=5)
        async with Worker(
            docket, concurrency=concurrency, minimum_check_interval=often, **OPTIONS
        ) as worker:
            await worker.run_forever()


async def enqueue(first: int, count: int) -> None:
    """Enqueue tasks in pipelines."""
    async with connect() as docket:
        docket.register(do_nothing)
        await docket.add_many(
            docket.call(do_nothing)(number, "ada@example.com")
            for number in range(first, first + count)
        )


if __name__ == "__main__":
    uvloop.run(work())
