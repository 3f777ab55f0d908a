"""What holds up the actions of the transports' tests."""

import asyncio


class Gate:
    """Holds the action `wait` until it is opened. `given` counts the values of a stream, `closed`
    the streams that have come to their `finally`."""

    def __init__(self) -> None:
        self.entered = 0
        self.left = 0
        self.cancelled = 0
        self.given = 0
        self.closed = 0
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        self.entered += 1
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.left += 1
