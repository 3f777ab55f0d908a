"""The producer of every Python peer: `python produce.py MODULE COUNT`.

It imports the module as the worker does, so that tasks named after their module are found.
"""
# mypy: ignore-errors

import asyncio
import importlib
import inspect
import sys

module = importlib.import_module(sys.argv[1])
enqueued = module.enqueue(int(sys.argv[2]))
if inspect.iscoroutine(enqueued):
    asyncio.run(enqueued)
