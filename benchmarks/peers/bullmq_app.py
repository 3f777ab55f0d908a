"""BullMQ for Python: a no-op job, its worker (`python bullmq_app.py`), and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from bullmq import Queue, Worker

CONNECTION = "unix://" + os.environ["BENCH_SOCKET"]
OPTIONS = {}
if noop.IS_SAFE:
    OPTIONS = {
        "lockDuration": noop.LEASE * 1000,
        "stalledInterval": noop.LEASE * 1000,
        "maxStalledCount": 3,
    }


async def process(job: object, token: str) -> None:  # noqa: ARG001 (BullMQ hands it in)
    """Run one job."""
    if job.name == "tick":
        noop.tick()
    else:
        await noop.run_async(job.data["number"], job.data["email"])


async def work() -> None:
    """Run jobs until the process is ended."""
    concurrency = int(os.environ["BENCH_CONCURRENCY"])
    if noop.PERIODIC:
        queue = Queue("bench", {"connection": CONNECTION})
        await queue.upsertJobScheduler("tick", {"every": 1000}, {"name": "tick", "data": {}})
    Worker("bench", process, {"connection": CONNECTION, "concurrency": concurrency, **OPTIONS})
    await asyncio.get_running_loop().create_future()


async def enqueue(first: int, count: int) -> None:
    """Enqueue jobs in bulk."""
    queue = Queue("bench", {"connection": CONNECTION})
    options = {"removeOnComplete": True}
    for begin in range(first, first + count, 500):
        numbers = range(begin, min(begin + 500, first + count))
        data = [{"number": number, "email": "ada@example.com"} for number in numbers]
        await queue.addBulk([{"name": "noop", "data": entry, "opts": options} for entry in data])
    await queue.close()


if __name__ == "__main__":
    asyncio.run(work())
