"""Over TLS the cookie is for TLS alone."""

import asyncio
from pathlib import Path

from actionhero.settings import SessionSettings, Settings, WebSettings
from actionhero.testing import TestServer
from tests.certificates import make_certificate
from tests.sessions.kit import make_app

REQUEST = (
    b"POST /api/put?value=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    b"Origin: https://localhost\r\nConnection: close\r\n\r\n"
)


async def reply_of(server: TestServer, context: object, request: bytes) -> str:
    reader, writer = await asyncio.open_connection(
        "localhost", server.server.http_port, ssl=context
    )
    writer.write(request)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply.decode()


async def test_the_cookie_is_secure_and_may_be_of_this_host_alone(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    settings = Settings(
        env="test",
        web=WebSettings(certificate=str(made.certificate), key=str(made.key)),
        session=SessionSettings(cookie="__Host-session"),
    )
    async with TestServer(make_app(), settings=settings) as server:
        reply = await reply_of(server, made.client(), REQUEST)
        assert "HTTP/1.1 200" in reply
        assert "\r\nSet-Cookie: __Host-session=" in reply
        assert "; Secure; HttpOnly; SameSite=Lax\r\n" in reply
        where = REQUEST.replace(b"POST /api/put?value=1", b"GET /api/where")
        assert '"scheme":"https","host":"localhost"' in await reply_of(server, made.client(), where)
        page_of_http = REQUEST.replace(b"https://localhost", b"http://localhost")
        assert "HTTP/1.1 403" in await reply_of(server, made.client(), page_of_http)
