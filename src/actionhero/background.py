"""The end of asyncio tasks that go on in the background."""

import asyncio
import contextlib
from typing import Any


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has ended. Raises what it raised, but its cancellation."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
