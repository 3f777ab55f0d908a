"""granian with nothing on it: RSGI's own protocol, routes by hand."""
# mypy: ignore-errors

from urllib.parse import parse_qsl

from people import decode_person, encode, summarise

HEADERS = [("content-type", "application/json")]


async def app(scope, protocol):
    """Answer the two requests."""
    if scope.path == "/api/hello":
        name = dict(parse_qsl(scope.query_string))["name"]
        protocol.response_bytes(200, HEADERS, encode({"greeting": f"Hello, {name}."}))
    elif scope.path == "/api/register" and scope.method == "POST":
        person = decode_person(await protocol())
        protocol.response_bytes(200, HEADERS, encode(summarise(person)))
    else:
        protocol.response_empty(404, [])
