"""A bare HTTP server: httptools on uvloop and nothing else. Ours is held against it.

Rules:
- It does the least a correct server of these two replies can do: parse the request with llhttp,
  keep the headers, split and decode the query (or decode the JSON body into a typed struct),
  encode a JSON reply with msgspec, write it. One `write` per request, keep-alive honoured.
- It has no routing, limits, timeouts, tasks, ids, logs or error handling: whatever a framework
  adds is what the ratio against this server shows.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast
from urllib.parse import unquote_plus

import httptools
import msgspec
import uvloop


class Person(msgspec.Struct):
    """The typed body of the POST."""

    name: str
    age: int
    email: str
    tags: list[str]


decode_person = msgspec.json.Decoder(Person).decode
encode = msgspec.json.Encoder().encode


def decode_query(query: bytes) -> dict[str, str]:
    """Split and unquote a query string, unquoting only what needs it."""
    values = {}
    for pair in query.decode("ascii").split("&"):
        key, _, value = pair.partition("=")
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        values[key] = value
    return values


class BareHttp(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.body = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        url = httptools.parse_url(self.url)
        method = self.parser.get_method()
        reply: dict[str, object]
        if method == b"GET" and url.path == b"/api/hello":
            name = decode_query(url.query)["name"]
            reply = {"greeting": f"Hello, {name}."}
        elif method == b"POST" and url.path == b"/api/register":
            person = decode_person(self.body)
            reply = {
                "name": person.name,
                "age": person.age,
                "email": person.email,
                "tags": len(person.tags),
            }
        else:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        body = encode(reply)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        if not self.parser.should_keep_alive():
            self.transport.close()


async def serve(port: int) -> None:
    """Serve on the loopback interface until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(BareHttp, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
