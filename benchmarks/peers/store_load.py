"""The load of `benchmarks.store`: N callers that each ask for one command after another.

`python store_load.py CLIENT ADDRESS CALLERS SECONDS`, where ADDRESS is a port of loopback or the
path of a Unix socket; it prints the number of commands, the seconds they took, and the processor
time of all threads. Half of the commands write 10 bytes, half read them back and look at them.
"""
# mypy: ignore-errors

import asyncio
import sys
import time

VALUE = b"0123456789"


async def connect_actionhero(address: str):
    """Ours: one connection, pipelined by itself."""
    from actionhero.store.client import StoreClient

    url = f"valkey://127.0.0.1:{address}" if address.isdigit() else f"unix://{address}"
    execute = (await StoreClient.connect(url)).execute
    return (lambda key, value: execute("SET", key, value)), (lambda key: execute("GET", key))


async def connect_redis(address: str):
    """redis-py with hiredis; a connection for each caller, of which it has no better use."""
    import redis.asyncio

    if address.isdigit():
        client = redis.asyncio.Redis(port=int(address))
    else:
        client = redis.asyncio.Redis(unix_socket_path=address)
    return client.set, client.get


async def connect_glide(address: str):
    """valkey-glide: one connection, multiplexed in Rust."""
    from glide import GlideClient, GlideClientConfiguration, NodeAddress

    node = NodeAddress("127.0.0.1", int(address))
    config = GlideClientConfiguration([node], request_timeout=10_000)
    client = await GlideClient.create(config)
    return client.set, client.get


CLIENTS = {
    "actionhero": connect_actionhero,
    "redis-py": connect_redis,
    "valkey-glide": connect_glide,
}


async def measure(
    client: str, address: str, callers: int, seconds: float
) -> tuple[int, float, float]:
    """Give the commands that were answered, and both times."""
    set_, get = await CLIENTS[client](address)
    end = time.perf_counter() + 0.2
    counts = [0] * callers

    async def call(number: int) -> None:
        key = f"key:{number}"
        while time.perf_counter() < end:
            await set_(key, VALUE)
            if await get(key) != VALUE:
                raise SystemExit(f"{client} read something else than it wrote")
            counts[number] += 2

    await asyncio.gather(*map(call, range(callers)))  # to warm up
    counts = [0] * callers
    began, used = time.perf_counter(), time.process_time()
    end = began + seconds
    await asyncio.gather(*map(call, range(callers)))
    return sum(counts), time.perf_counter() - began, time.process_time() - used


def main() -> None:
    """Run the load on uvloop, which is the faster loop for all three."""
    import uvloop

    _, client, address, callers, seconds = sys.argv
    print(*uvloop.run(measure(client, address, int(callers), float(seconds))))


main()
