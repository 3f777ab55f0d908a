"""granian: an echo, by RSGI."""
# mypy: ignore-errors

_CLOSED = 0


async def app(scope, protocol):
    """Send back what comes."""
    if scope.proto != "ws":
        protocol.response_empty(404, [])
        return
    transport = await protocol.accept()
    while (message := await transport.receive()).kind != _CLOSED:
        await transport.send_str(message.data)
