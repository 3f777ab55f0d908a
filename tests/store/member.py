"""One process of a project that shares an embedded store: `python member.py DIRECTORY`.

It says `ready PID`, then does what it is told on its standard input: a command for the store, whose
reply it prints, `exit`, or `stop` (which ends it without closing anything).
"""

import asyncio
import os
import sys

from actionhero.errors import StoreError
from actionhero.store.embedded import open_store


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main() -> None:
    client = await open_store(f"embedded:{sys.argv[1]}")
    assert client.engine is not None
    say("ready", client.engine.pid)
    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)) not in {"", "exit\n"}:
        if line == "stop\n":
            os._exit(0)
        try:
            reply = await client.execute(*line.split())
        except StoreError as error:
            reply = type(error).__name__.encode()
        say(reply.decode() if isinstance(reply, bytes) else reply)
    await client.aclose()


asyncio.run(main())
