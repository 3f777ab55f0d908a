"""Lines in files, written and read in threads, so that the loop goes on."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

_BATCH = 1024 * 1024
"""Bytes that are written or read at once, about."""


async def write_lines(path: Path, lines: AsyncIterator[bytes]) -> int:
    """Write lines into a file that appears when it is whole; returns how many. Raises `OSError`."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        with await asyncio.to_thread(unfinished.open, "wb") as file:
            count = await _write_all(file, lines)
        await asyncio.to_thread(unfinished.replace, path)
    except BaseException:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(unfinished.unlink, missing_ok=True)
        raise
    return count


async def _write_all(file: BinaryIO, lines: AsyncIterator[bytes]) -> int:
    count, batch, size = 0, list[bytes](), 0
    async for line in lines:
        batch += (line, b"\n")
        count += 1
        size += len(line)
        if size >= _BATCH:
            await asyncio.to_thread(file.write, b"".join(batch))
            batch, size = [], 0
    await asyncio.to_thread(file.write, b"".join(batch))
    return count


async def read_lines(path: Path) -> AsyncIterator[bytes]:
    """The lines of a file. Raises `OSError`."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while lines := await asyncio.to_thread(file.readlines, _BATCH):
            for line in lines:
                yield line.rstrip(b"\n")
