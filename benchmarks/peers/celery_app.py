"""Celery: a no-op task, its worker, and its producer."""
# mypy: ignore-errors

import os

import noop
from celery import Celery

app = Celery("bench", broker="redis+socket://" + os.environ["BENCH_SOCKET"])
app.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)
if "BENCH_PREFETCH" in os.environ:
    app.conf.worker_prefetch_multiplier = int(os.environ["BENCH_PREFETCH"])
if noop.IS_SAFE:
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        broker_transport_options={"visibility_timeout": noop.LEASE},
    )
if noop.PERIODIC:
    app.conf.beat_schedule = {"tick": {"task": "celery_app.tick", "schedule": 1.0}}
    app.conf.beat_schedule_filename = f"{noop.TRACE}.beat{os.getpid()}"


@app.task
def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    noop.run(number, email)


@app.task
def tick() -> None:
    """Fire."""
    noop.tick()


def enqueue(first: int, count: int) -> None:
    """Enqueue tasks over one connection."""
    with app.producer_or_acquire() as producer:
        for number in range(first, first + count):
            do_nothing.apply_async((number, "ada@example.com"), producer=producer)
