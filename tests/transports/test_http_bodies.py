"""Who takes in which body: packed ones, forms, and those that are kept as they come."""

import gzip
import json
from pathlib import Path

import pytest

from actionhero import RawBody, UploadedFile
from actionhero.actions.action import Action
from actionhero.actions.dispatch import Dispatcher
from actionhero.errors import NotFoundError, UnsupportedMediaError
from actionhero.protocols.http1 import Limits
from actionhero.protocols.http1_gzip import Gunzip
from actionhero.settings import WebSettings
from actionhero.transports.http_bodies import Bodies
from actionhero.transports.http_uploads import Upload
from tests.transports.http_kit import GET, HELLO, request, serving

LIMITS = Limits(target_bytes=100, header_bytes=100, headers=10, body_bytes=1000)
FORM = {b"content-type": b"multipart/form-data; boundary=x"}
PACKED = {b"content-encoding": b"GZip"}
BODY = json.dumps({"name": "Ada"}).encode()


class Known(Dispatcher):
    """Actions that are called by what they take."""

    def __init__(self) -> None:
        """Nothing is run."""

    def takes_raw(self, action: str) -> bool:
        return action == "raw"

    def files_of(self, action: str) -> frozenset[str]:
        return frozenset({"photo"} if action == "files" else ())


def action_of(method: str, target: str) -> str:
    if target == "/none":
        raise NotFoundError("no")
    return target[1:]


def bodies(*, gzip_bodies: bool = True) -> Bodies:
    settings = WebSettings(body_bytes=1000, upload_bytes=5000, gzip_bodies=gzip_bodies)
    return Bodies(settings, LIMITS, Known(), action_of)


def test_forms_go_to_who_takes_them() -> None:
    for target, limit in (("/files", 5000), ("/plain", 1000)):
        sink = bodies().open("POST", target, FORM)
        assert isinstance(sink, Upload)
        assert sink.limit == limit
    for target in ("/raw", "/none"):
        assert bodies().open("POST", target, FORM) is None
    assert bodies().open("POST", "/plain", {b"content-type": b"text/plain"}) is None


def test_packed_bodies_are_unpacked_if_that_is_enabled() -> None:
    for coding in (b"gzip", b" GZip ", b"x-gzip"):
        sink = bodies().open("POST", "/plain", {b"content-encoding": coding})
        assert isinstance(sink, Gunzip)
    for target in ("/raw", "/none"):
        assert bodies().open("POST", target, PACKED) is None
    for coding in (b"identity", b""):
        assert bodies().open("POST", "/plain", {b"content-encoding": coding}) is None


@pytest.mark.parametrize(
    ("headers", "enabled"),
    [
        (PACKED, False),
        ({b"content-encoding": b"br"}, True),
        ({b"content-encoding": b"gzip, gzip"}, True),
        ({**FORM, **PACKED}, True),
    ],
)
def test_what_is_not_read(headers: dict[bytes, bytes], enabled: bool) -> None:
    with pytest.raises(UnsupportedMediaError, match="Content-Encoding"):
        bodies(gzip_bodies=enabled).open("POST", "/files", headers)


async def photo(photo: UploadedFile) -> int:
    return photo.size


async def raw(body: RawBody) -> int:
    return len(body.content)


def packed(body: bytes, target: str = "/api/hello", *lines: str) -> bytes:
    kind = "Content-Type: application/json"
    return request("POST", target, kind, "Content-Encoding: gzip", *lines, body=body)


async def test_packed_bodies_are_refused_by_default(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(packed(gzip.compress(BODY)) + GET)
        reply = await wire.read_reply()
        assert (reply.status, reply.fields["connection"]) == (415, "close")
        assert "'gzip' is not read here" in reply.json()["detail"]
        assert await wire.read_end() == b""


async def test_packed_bodies_where_they_are_read(tmp_path: Path) -> None:
    more = (Action(photo), Action(raw))
    async with serving(tmp_path, more=more, gzip_bodies=True, body_bytes=1000) as kit:
        wire = await kit.connect()
        for _ in range(3):
            assert (await wire.ask(packed(gzip.compress(BODY)))).json() == HELLO
            assert (await wire.ask(GET)).json() == HELLO
            reply = await kit.post("/api/hello", BODY)
            assert reply.json() == HELLO
        for data, status in (
            (gzip.compress(bytes(1001)), 413),
            (gzip.compress(bytes(100_000)), 413),
            (BODY, 400),
            (gzip.compress(BODY)[:-1], 400),
            (gzip.compress(b"{}"), 422),
        ):
            assert (await kit.ask(packed(data))).status == status
        data = gzip.compress(bytes(100_000))
        assert (await kit.ask(packed(data, "/api/raw"))).json() == len(data)
        assert (await kit.ask(packed(b"x" * 1001, "/api/raw"))).status == 413
        assert (await kit.ask(packed(data, "/nothing"))).status == 404
