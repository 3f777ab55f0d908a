"""BullMQ for Python: a no-op job, its worker (`python bullmq_app.py`), and its producer."""
# mypy: ignore-errors

import asyncio
import os

import noop
from bullmq import Queue, Worker

CONNECTION = "unix://" + os.environ["BENCH_SOCKET"]


async def process(job: object, token: str) -> None:  # noqa: ARG001 (BullMQ hands it in)
    """Run one job."""
    noop.run(job.data["number"], job.data["email"])


async def work() -> None:
    """Run jobs until the process is ended."""
    concurrency = int(os.environ["BENCH_CONCURRENCY"])
    Worker("bench", process, {"connection": CONNECTION, "concurrency": concurrency})
    await asyncio.get_running_loop().create_future()


async def enqueue(count: int) -> None:
    """Enqueue jobs in bulk."""
    queue = Queue("bench", {"connection": CONNECTION})
    options = {"removeOnComplete": True}
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        data = [{"number": number, "email": "ada@example.com"} for number in numbers]
        await queue.addBulk([{"name": "noop", "data": entry, "opts": options} for entry in data])
    await queue.close()


if __name__ == "__main__":
    asyncio.run(work())
