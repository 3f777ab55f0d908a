"""The producer of every Python peer: `python produce.py MODULE COUNT [EVERY]`.

It imports the module as the worker does, so that tasks named after their module are found. With
EVERY, it goes on with one more task every so many seconds, until it is ended.
"""
# mypy: ignore-errors

import asyncio
import importlib
import inspect
import sys
import time

module = importlib.import_module(sys.argv[1])


def enqueue(first: int, count: int) -> None:
    """Enqueue that many tasks, numbered from `first`."""
    enqueued = module.enqueue(first, count)
    if inspect.iscoroutine(enqueued):
        asyncio.run(enqueued)


def main(count: int, every: float | None = None) -> None:
    """Enqueue, and perhaps go on."""
    enqueue(0, count)
    while every:
        time.sleep(every)
        enqueue(count, 1)
        count += 1


main(int(sys.argv[2]), *map(float, sys.argv[3:]))
