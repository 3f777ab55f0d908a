"""Forms with files, over a real server: what an action gets, what is refused, what is left."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actionhero import Connection, RawBody, UploadedFile
from actionhero.actions.action import Action
from actionhero.messages import Call, Transport
from actionhero.transports.http_bodies import Space
from actionhero.transports.http_uploads import Bounds, Upload
from tests.transports.gate import Gate
from tests.transports.http_kit import GET, HELLO, Kit, Reply, request, serving
from tests.transports.serving import PATIENCE, eventually

BOUNDARY = "XyZ"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
MIB = 1024 * 1024


async def keep(photo: UploadedFile, title: str = "", count: int = 0) -> dict[str, object]:
    return {
        "name": photo.name,
        "type": photo.content_type,
        "size": photo.size,
        "begin": (await photo.read(0, 10)).decode("latin-1"),
        "end": (await photo.read(photo.size - 10)).decode("latin-1"),
        "on_disk": photo.path is not None,
        "title": title,
        "count": count,
    }


async def gather(photos: list[UploadedFile], tags: list[str] | None = None) -> list[object]:
    texts = [(await photo.read()).decode() for photo in photos]
    return [[photo.name for photo in photos], texts, tags]


async def maybe(photo: UploadedFile | None = None, name: str = "nobody") -> list[object]:
    return [None if photo is None else photo.name, name]


async def save(photo: UploadedFile, path: str) -> int:
    await photo.save(path)
    return photo.size


async def hold(photo: UploadedFile, gate: Gate) -> str:
    await gate.pass_through()
    return "held"


async def trickle(photo: UploadedFile) -> AsyncIterator[str]:
    for start in range(0, photo.size, MIB):
        yield (await photo.read(start, 5)).decode()


async def after(photo: UploadedFile, gate: Gate) -> str:
    LEFT.append(photo)
    return "kept"


LEFT: list[UploadedFile] = []
ACTIONS = (keep, gather, maybe, save, hold, trickle, after)


def made() -> list[Action]:
    return [Action(function) for function in ACTIONS]


def part(name: str, content: bytes, *more: str, kind: str = "") -> bytes:
    disposition = "; ".join(("Content-Disposition: form-data", f'name="{name}"', *more))
    lines = [f"--{BOUNDARY}", disposition]
    if kind:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join([*lines, "", ""]).encode() + content + b"\r\n"


def file(name: str, content: bytes, filename: str = "a.txt") -> bytes:
    return part(name, content, f'filename="{filename}"', kind="text/plain")


END = f"--{BOUNDARY}--\r\n".encode()


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + END


def open_files() -> set[str]:
    """What descriptors of deleted files this process has."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if "(deleted)" in target and "/tmp" in target:
            found.add(f"{number} {target}")
    return found


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    before = open_files()
    async with serving(tmp_path, more=made(), upload_bytes=8 * MIB, body_bytes=MIB) as kit:
        yield kit
    gc.collect()
    await eventually(lambda: open_files() <= before)


async def upload(kit: Kit, action: str, *parts: bytes, query: str = "") -> Reply:
    return await kit.post(f"/api/{action}{query}", form(*parts), KIND)


@pytest.mark.parametrize("size", [10, 60_000, 70_000, 3 * MIB])
async def test_a_file_with_fields(kit: Kit, size: int) -> None:
    content = b"begin" + b"\r\n--Xy--\r\n" + b"x" * (size - 20) + b"end"
    content = content[:size] if size < 20 else content
    reply = await upload(
        kit, "keep", part("title", "Grüße".encode()), file("photo", content), part("count", b"3")
    )
    assert reply.status == 200, reply.body
    assert reply.json() == {
        "name": "a.txt",
        "type": "text/plain",
        "size": len(content),
        "begin": content[:10].decode(),
        "end": content[-10:].decode(),
        "on_disk": size > 64 * 1024,
        "title": "Grüße",
        "count": 3,
    }


async def test_several_files_and_values_of_one_name(kit: Kit) -> None:
    files = (file("photos", b"%d" % n, f"{n}.txt") for n in range(3))
    reply = await upload(kit, "gather", *files, part("tags", b"a"), part("tags", b"b"))
    assert reply.json() == [["0.txt", "1.txt", "2.txt"], ["0", "1", "2"], ["a", "b"]]


async def test_a_form_sent_byte_by_byte_and_in_chunks(kit: Kit) -> None:
    body = form(file("photo", b"\r\n-\r\n--Xy\r\n"), part("title", b"-"))
    head = request("POST", "/api/keep", f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
    wire = await kit.connect(limit=MIB)
    for byte in head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n":
        wire.send(bytes((byte,)))
        await asyncio.sleep(0)
    reply = await wire.read_reply()
    assert (reply.status, reply.json()["size"]) == (200, 11)
    assert (await wire.ask(GET)).json() == HELLO


async def test_a_file_may_be_left_out_where_it_has_a_default(kit: Kit) -> None:
    assert (await upload(kit, "maybe", part("name", b"Ada"))).json() == [None, "Ada"]
    assert (await upload(kit, "maybe", file("photo", b"", ""))).json() == [None, "nobody"]
    assert (await kit.post("/api/maybe", b'{"name":"Ada"}')).json() == [None, "Ada"]
    assert (await kit.get("/api/maybe?name=Ada")).json() == [None, "Ada"]
    assert (await upload(kit, "maybe", file("photo", b"", "e"))).json() == ["e", "nobody"]


async def test_the_fields_win_over_the_query(kit: Kit) -> None:
    reply = await upload(kit, "maybe", part("name", b"form"), query="?name=query")
    assert reply.json() == [None, "form"]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\x\\\\y.txt", "y.txt"),
        ("/", ""),
        ("..", ""),
        ("a\tb%0D%0Ac.txt", "abc.txt"),
        ("ä ö.txt", "ä ö.txt"),
    ],
)
async def test_a_name_is_never_more_than_one(kit: Kit, sent: str, name: str) -> None:
    reply = await upload(kit, "keep", file("photo", b"0123456789", sent))
    assert reply.json()["name"] == name


async def test_all_that_is_wrong_is_said_at_once(kit: Kit) -> None:
    reply = await upload(kit, "keep", part("count", b"many"))
    assert reply.status == 422
    assert [(e["path"], e["code"]) for e in reply.json()["errors"]] == [
        ("count", "wrong_type"),
        ("photo", "missing"),
    ]
    reply = await upload(kit, "keep", file("photo", b"1"), file("photo", b"2"))
    assert [(e["path"], e["code"]) for e in reply.json()["errors"]] == [("photo", "too_long")]
    assert (await kit.get("/api/keep")).json()["errors"][0]["code"] == "missing"


REFUSED = {
    "a part without a name": (400, KIND, form(part("", b"a"))),
    "no end": (400, KIND, file("photo", b"a")),
    "nothing": (400, KIND, b""),
    "no boundary anywhere": (400, KIND, b"x" * 1000),
    "bytes before the first part": (400, KIND, b"x" + form(file("photo", b"a"))),
    "a part without a disposition": (400, KIND, b"--XyZ\r\nX: y\r\n\r\na\r\n" + END),
    "bare line feeds": (400, KIND, form(file("photo", b"a")).replace(b"\r\n", b"\n")),
    "a length that is none": (400, KIND, form(part("a", b"b", kind="t\r\nContent-Length: x"))),
    "a length that is not it": (400, KIND, form(part("a", b"b", kind="t\r\nContent-Length: 3"))),
    "a field that is no text": (400, KIND, form(part("title", b"\xff"))),
    "a long name": (413, KIND, form(part("n" * 256, b"a"))),
    "a long name of a file": (413, KIND, form(file("photo", b"a", "n" * 256))),
    "a long line": (413, KIND, form(part("a", b"b", kind="x" * 5000))),
    "many lines": (413, KIND, form(part("a", b"b", kind="\r\n".join(["X: y"] * 9)))),
    "many parts": (413, KIND, form(*(part("a", b"b") for _ in range(1001)))),
    "many files": (413, KIND, form(*(file("photo", b"b") for _ in range(101)))),
    "long fields": (413, KIND, form(*(part("a", b"b" * 200_000) for _ in range(6)))),
    "no boundary": (415, "multipart/form-data", form()),
    "an empty boundary": (415, "multipart/form-data; boundary=", form()),
    "a long boundary": (415, f"multipart/form-data; boundary={'x' * 71}", form()),
    "another multipart": (415, f"multipart/mixed; boundary={BOUNDARY}", form()),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_form_that_is_refused(kit: Kit, case: str) -> None:
    status, kind, body = REFUSED[case]
    wire = await kit.connect()
    wire.send(request("POST", "/api/keep", f"Content-Type: {kind}", body=body) + GET)
    reply = await wire.read_reply()
    assert (reply.status, reply.fields["connection"]) == (status, "close"), reply.body
    assert await wire.read_end() == b""


async def test_a_form_over_its_limit_is_refused_before_it_is_sent(kit: Kit) -> None:
    for action, limit in (("keep", 8 * MIB), ("hello", MIB)):
        wire = await kit.connect()
        head = f"POST /api/{action} HTTP/1.1\r\nHost: a\r\nContent-Type: {KIND}\r\n"
        reply = await wire.ask(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode())
        assert reply.status == 413
        assert str(limit) in reply.json()["detail"]


async def test_a_form_in_chunks_is_refused_where_it_gets_too_large(kit: Kit) -> None:
    wire = await kit.connect()
    wire.send(request("POST", "/api/keep", f"Content-Type: {KIND}", "Transfer-Encoding: chunked"))
    content = file("photo", b"")[:-2]
    wire.send(b"%x\r\n%b\r\n" % (len(content), content))
    sending = asyncio.ensure_future(_flood(wire.writer))
    reply = await wire.read_reply()
    assert reply.status == 413
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def _flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"100000\r\n" + b"x" * MIB + b"\r\n")
        await writer.drain()


async def test_an_action_without_files_takes_a_form_but_no_file(kit: Kit) -> None:
    reply = await upload(kit, "hello", part("name", b"Ada"), file("photo", b"", ""))
    assert reply.json() == HELLO
    reply = await upload(kit, "hello", part("name", b"Ada"), file("photo", b"a"))
    assert (reply.status, "no files are taken" in reply.json()["detail"]) == (415, True)


async def test_files_of_other_names_are_skipped(kit: Kit) -> None:
    reply = await upload(kit, "maybe", file("other", b"x" * 3 * MIB), file("photo", b"a"))
    assert reply.json() == ["a.txt", "nobody"]


async def test_a_file_is_kept_whole(kit: Kit, tmp_path: Path) -> None:
    for size in (10, 2 * MIB):
        content = os.urandom(size)
        path = tmp_path / "kept"
        reply = await upload(kit, "save", file("photo", content), part("path", str(path).encode()))
        assert (reply.json(), path.read_bytes() == content) == (size, True)
        assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    reply = await upload(
        kit, "save", file("photo", b"a"), part("path", str(tmp_path / "no" / "x").encode())
    )
    assert reply.status == 500
    assert os.listdir(tmp_path) == ["kept"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_what_streams_has_its_file_to_the_end(kit: Kit) -> None:
    wire = await kit.connect()
    body = form(file("photo", b"".join(b"part%d" % n + bytes(MIB - 5) for n in range(4))))
    wire.send(request("POST", "/api/trickle", f"Content-Type: {KIND}", body=body))
    async with asyncio.timeout(PATIENCE):
        text = await wire.reader.readuntil(b"event: end")
    assert [b'data: "part%d"' % n in text for n in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize("size", [10, MIB])
async def test_a_file_is_gone_when_its_request_is_answered(kit: Kit, size: int) -> None:
    reply = await upload(kit, "after", file("photo", b"x" * size))
    assert reply.json() == "kept"
    left = LEFT.pop()
    with pytest.raises(ValueError, match="answered"):
        await left.read()
    with pytest.raises(ValueError, match="answered"):
        await left.save("nowhere")
    assert left.path is None


BIG = file("photo", b"x" * (3 * MIB))


async def test_nothing_is_left_when_the_client_goes_within_its_upload(kit: Kit) -> None:
    before = open_files()
    wire = await kit.connect()
    head = request("POST", "/api/keep", f"Content-Type: {KIND}", f"Content-Length: {6 * MIB}")
    wire.send(head + BIG)
    await eventually(lambda: len(open_files() - before) == 1)
    await wire.aclose()
    await eventually(lambda: open_files() <= before)


async def test_nothing_is_left_when_the_client_goes_while_the_action_runs(kit: Kit) -> None:
    before = open_files()
    wire = await kit.connect()
    wire.send(request("POST", "/api/hold", f"Content-Type: {KIND}", body=form(BIG)))
    await eventually(lambda: kit.gate.entered == 1)
    assert len(open_files() - before) == 1
    await wire.aclose()
    await eventually(lambda: kit.gate.cancelled == 1)
    await eventually(lambda: open_files() <= before)


async def test_nothing_is_left_of_a_form_that_waits_behind_another_request(tmp_path: Path) -> None:
    before = open_files()
    async with serving(tmp_path, more=made(), body_timeout=0.5) as kit:
        wire = await kit.connect()
        wire.send(request("GET", "/api/wait"))
        wire.send(request("POST", "/api/keep", f"Content-Type: {KIND}", body=form(BIG)))
        await eventually(lambda: len(open_files() - before) == 1)
        await wire.aclose()
        kit.gate.opened.set()  # until then nothing more is read, and so the end is not seen
        await eventually(lambda: open_files() <= before)


async def test_nothing_is_left_when_the_server_stops(kit: Kit) -> None:
    before = open_files()
    wires = [await kit.connect() for _ in range(2)]
    wires[0].send(request("POST", "/api/hold", f"Content-Type: {KIND}", body=form(BIG)))
    head = request("POST", "/api/keep", f"Content-Type: {KIND}", f"Content-Length: {6 * MIB}")
    wires[1].send(head + BIG)
    await eventually(lambda: len(open_files() - before) == 2 and kit.gate.entered == 1)
    await kit.server.aclose()
    await eventually(lambda: open_files() <= before)


async def test_forms_that_fill_the_space_are_refused_until_there_is_room(tmp_path: Path) -> None:
    async with serving(tmp_path, more=made(), upload_space=4 * MIB) as kit:
        first = await kit.connect()
        first.send(request("POST", "/api/hold", f"Content-Type: {KIND}", body=form(BIG)))
        await eventually(lambda: kit.gate.entered == 1)
        reply = await upload(kit, "keep", BIG)
        assert (reply.status, reply.fields["retry-after"]) == (503, "1")
        kit.gate.opened.set()
        assert (await first.read_reply()).status == 200
        assert (await upload(kit, "keep", BIG)).status == 200


async def test_a_disk_that_takes_no_more(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("actionhero.uploads.tempfile.TemporaryFile", full)
        reply = await upload(kit, "keep", BIG)
        assert reply.status == 503
        assert "cannot be stored" in reply.json()["detail"]
    assert (await upload(kit, "keep", BIG)).status == 200


async def test_others_are_answered_while_an_upload_is_under_way(tmp_path: Path) -> None:
    async with serving(tmp_path, more=made(), upload_bytes=200 * MIB) as kit:
        big = await kit.connect()
        size = 100 * MIB
        begin = file("photo", b"")[:-2]
        rest = b"\r\n" + END
        total = len(begin) + size + len(rest)
        big.send(request("POST", "/api/keep", f"Content-Type: {KIND}", f"Content-Length: {total}"))
        big.send(begin)
        small = await kit.connect()
        answered = 0
        chunk = b"x" * MIB
        for _ in range(100):
            big.writer.write(chunk)
            draining = asyncio.ensure_future(big.writer.drain())
            assert (await small.ask(GET)).json() == HELLO
            answered += 1
            async with asyncio.timeout(PATIENCE):
                await draining
        assert answered == 100
        reply = await big.ask(rest)
        assert (reply.status, reply.json()["size"]) == (200, size)


async def test_a_slow_disk_holds_up_its_upload_alone(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from actionhero import uploads

    opened = threading.Event()
    write = uploads._write_all

    def slow(target: Any, data: bytes) -> int:
        assert opened.wait(PATIENCE)
        return write(target, data)

    monkeypatch.setattr(uploads, "_write_all", slow)
    try:
        wire = await kit.connect()
        wire.send(request("POST", "/api/keep", f"Content-Type: {KIND}", body=form(BIG)))
        assert (await kit.ask(GET)).json() == HELLO
        state = kit.server._state
        assert state is not None
        await eventually(lambda: any(one._is_paused for one in state.connections))
        assert (await kit.ask(GET)).json() == HELLO
    finally:
        opened.set()
    assert (await wire.read_reply()).status == 200


async def test_an_upload_that_comes_on_has_time_and_another_has_not(tmp_path: Path) -> None:
    async with serving(tmp_path, more=made(), body_timeout=0.2) as kit:
        head = request("POST", "/api/keep", f"Content-Type: {KIND}", "Content-Length: 9999999")
        stalled = await kit.connect()
        stalled.send(head + file("photo", b"")[:-2])
        assert (await stalled.read_reply()).status == 408
        steady = await kit.connect()
        steady.send(head + file("photo", b"")[:-2])
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.0
        while loop.time() < end:
            steady.send(b"x" * 1000)
            await asyncio.sleep(0.01)
        assert not steady.reader.at_eof()
        assert not steady.reader._buffer  # type: ignore[attr-defined]
        await steady.aclose()


# A body as it is.


async def take(body: RawBody, connection: Connection, id: int = 0) -> list[object]:
    return [body.content.decode("latin-1"), body.content_type, id]


RAW = (Action(take, "POST /hook/{id}"),)


async def test_a_body_that_is_not_decoded(tmp_path: Path) -> None:
    async with serving(tmp_path, more=RAW) as kit:
        for content, kind in (
            (b'{"id":5,"id":6,', "application/json"),
            (b"id=5", "application/x-www-form-urlencoded"),
            (b"\x00\xff", "image/png"),
            (form(file("a", b"b")), KIND),
        ):
            reply = await kit.post("/api/take?id=7", content, kind)
            assert reply.json() == [content.decode("latin-1"), kind, 7]
        reply = await kit.post("/api/hook/8", b"x", "")
        assert reply.json() == ["x", "", 8]
        assert (await kit.get("/api/take")).json() == ["", "", 0]
        packed = request("POST", "/api/take", "Content-Encoding: br", body=b"packed")
        assert (await kit.ask(packed)).json() == ["packed", "", 0]
        assert (await kit.post("/api/take", b"x" * (MIB + 1))).status == 413


async def test_who_takes_a_form_depends_on_the_path_though_the_fields_are_known(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, more=(*RAW, *made())) as kit:
        wire = await kit.connect()
        body = form(file("photo", b"0123456789"))
        for _ in range(2):
            reply = await wire.ask(request("POST", "/api/take", f"Content-Type: {KIND}", body=body))
            assert reply.json()[0] == body.decode()
            reply = await wire.ask(request("POST", "/api/keep", f"Content-Type: {KIND}", body=body))
            assert reply.json()["begin"] == "0123456789"


async def test_nothing_is_left_when_an_action_takes_too_long(tmp_path: Path) -> None:
    before = open_files()
    async with serving(tmp_path, more=(Action(hold, timeout=0.05),)) as kit:
        reply = await upload(kit, "hold", BIG)
        assert (reply.status, reply.json()["code"]) == (503, "action_timeout")
        await eventually(lambda: open_files() <= before)


async def test_who_waits_to_send_a_form_is_told_to_or_not_to(kit: Kit) -> None:
    body = form(file("photo", b"0123456789"))
    for action, size, status in (("keep", len(body), 100), ("keep", 9 * MIB, 413)):
        wire = await kit.connect()
        length = f"Content-Length: {size}"
        kind = f"Content-Type: {KIND}"
        wire.send(request("POST", f"/api/{action}", kind, length, "Expect: 100-continue"))
        reply = await wire.read_reply()
        assert reply.status == status
        if status == 100:
            assert (await wire.ask(body)).json()["size"] == 10


async def test_a_form_may_come_with_an_upgrade_that_nobody_takes(kit: Kit) -> None:
    lines = (f"Content-Type: {KIND}", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    body = form(file("photo", b"0123456789"))
    wire = await kit.connect()
    assert (await wire.ask(request("POST", "/api/keep", *lines, body=body))).json()["size"] == 10
    assert (await wire.ask(GET)).json() == HELLO


@pytest.mark.parametrize("transport", ["websocket", "tcp", "terminal"])
async def test_files_come_over_http_alone(kit: Kit, transport: Transport) -> None:
    reply = await kit.dispatcher.dispatch(Call("keep", body=b"{}"), Connection(transport))
    assert reply.error is not None
    assert [problem.code for problem in reply.error.problems] == ["missing"]


async def test_nothing_is_left_of_a_form_that_nobody_has_any_more() -> None:
    before = open_files()
    form = Upload(KIND.encode(), Bounds(8 * MIB, MIB, 1000), Space(8 * MIB), frozenset({"photo"}))
    form.feed(BIG)
    await form.wait_stored()
    await eventually(lambda: len(open_files() - before) == 1)
    del form
    await eventually(lambda: open_files() <= before)  # the loop may hold its last callback still
