"""RQ: a no-op job, its worker (`python rq_app.py`, which forks for each job), and its producer."""
# mypy: ignore-errors

import os

import noop
from redis import Redis
from rq import Queue, Retry, Worker

CONNECTION = Redis(unix_socket_path=os.environ["BENCH_SOCKET"])
OPTIONS = {"retry": Retry(max=3)} if noop.IS_SAFE else {}


def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


def work() -> None:
    """Run jobs until the process is ended."""
    intervals = {"maintenance_interval": 5, "job_monitoring_interval": 5} if noop.IS_SAFE else {}
    Worker(["bench"], connection=CONNECTION, **intervals).work(logging_level="ERROR")


def enqueue(first: int, count: int) -> None:
    """Enqueue jobs in bulk."""
    queue = Queue("bench", connection=CONNECTION)
    jobs = [
        Queue.prepare_data(
            "rq_app.do_nothing", (number, "ada@example.com"), result_ttl=0, **OPTIONS
        )
        for number in range(first, first + count)
    ]
    queue.enqueue_many(jobs)


if __name__ == "__main__":
    work()
