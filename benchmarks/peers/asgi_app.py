"""uvicorn with nothing on it: ASGI, routes by hand."""
# mypy: ignore-errors

from urllib.parse import parse_qsl

from people import decode_person, encode, summarise


async def app(scope, receive, send):
    """Answer the two requests."""
    if scope["path"] == "/api/hello":
        name = dict(parse_qsl(scope["query_string"].decode()))["name"]
        status, body = 200, encode({"greeting": f"Hello, {name}."})
    elif scope["path"] == "/api/register" and scope["method"] == "POST":
        status, body = 200, encode(summarise(decode_person(await read(receive))))
    else:
        status, body = 404, b""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read(receive):
    """The whole body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
