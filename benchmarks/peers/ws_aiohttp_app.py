"""aiohttp: an echo."""
# mypy: ignore-errors

import sys

import uvloop
from aiohttp import web


async def echo(request):
    """Send back what comes."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


app = web.Application()
app.router.add_get("/ws", echo)
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
