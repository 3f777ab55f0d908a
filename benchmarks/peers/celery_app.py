"""Celery: a no-op task, its worker, and its producer."""
# mypy: ignore-errors

import os

import noop
from celery import Celery

app = Celery("bench", broker="redis+socket://" + os.environ["BENCH_SOCKET"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_PREFETCH", "64")),
    broker_connection_retry_on_startup=True,
)


@app.task
def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


def enqueue(count: int) -> None:
    """Enqueue tasks over one connection."""
    with app.producer_or_acquire() as producer:
        for number in range(count):
            do_nothing.apply_async((number, "ada@example.com"), producer=producer)
