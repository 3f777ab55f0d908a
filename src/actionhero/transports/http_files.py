"""Files over HTTP: found, opened and answered in one visit to a thread.

A small file is read there; a large one is left open and sent by `http_sending`. Of each file there
may be several forms: as it is, compressed beside it (`app.js.br`), or compressed on the way; each
has a tag of its own. Conditions and ranges hold for GET and HEAD of the form that is chosen.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from actionhero.actions.ready import Counter
from actionhero.connections import FileReply
from actionhero.errors import HttpProtocolError, NotFoundError
from actionhero.protocols.http1 import Request
from actionhero.protocols.http1_codings import Accepted
from actionhero.protocols.http1_conditions import (
    Part,
    Validators,
    is_unchanged,
    make_validators,
    read_range,
)
from actionhero.protocols.http1_replies import NO_TYPE, Answer, Fields
from actionhero.settings import WebSettings
from actionhero.transports.files import (
    FoundFile,
    OpenFile,
    find_file,
    find_in_roots,
    find_packed,
    find_public,
)
from actionhero.transports.http_packing import LARGEST, PackedFiles, codings, is_compressible
from actionhero.transports.http_sending import FileBody

PIECE = 256 * 1024
"""Bytes of a file that are read at once; what is larger is sent from the file."""
T = TypeVar("T")


class FileAnswer(NamedTuple):
    """An answer whose body is in a file."""

    start: Answer
    rest: FileBody


class _Form(NamedTuple):
    """A file in a coding: as it lies there, or to be packed on the way. `varies`: another client
    may get another one."""

    file: FoundFile
    coding: str = ""
    is_packed: bool = False
    varies: bool = False


class StaticFiles:
    """The files of a server: those below its public folder, and those that actions send."""

    def __init__(self, settings: WebSettings, stats: Counter) -> None:
        self._root = settings.public
        self._roots = (settings.public, *settings.file_roots)
        self._cache_control = settings.cache_control
        self._packs = settings.compress
        self._packs_from = settings.compress_from
        self._packed = PackedFiles()
        self._stats = stats

    async def answer(self, request: Request, name: str) -> Answer | FileAnswer:
        """Answer a GET or HEAD for the public file `name`. Raises `NotFoundError`, and
        `HttpProtocolError` for a condition or a range that does not hold."""
        return await self._visit(partial(self._open_public, request, name))

    async def answer_reply(self, request: Request, reply: FileReply) -> Answer | FileAnswer:
        """Answer with the file that an action sends. Raises as `answer`."""
        return await self._visit(partial(self._open_reply, request, reply))

    async def has_index(self) -> bool:
        """Whether the folder has a page to begin with."""
        try:
            await _in_thread(partial(find_file, self._root, ""))
        except NotFoundError:
            return False
        return True

    async def _visit(self, call: Callable[[], Answer | FileAnswer]) -> Answer | FileAnswer:
        opening = _in_thread(call)
        try:
            answer = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        except NotFoundError:
            self._stats.increment("fileServer:failedFileRequests")
            raise
        self._stats.increment("fileServer:filesSent")
        return answer

    # In the thread.

    def _open_public(self, request: Request, name: str) -> Answer | FileAnswer:
        found = find_public(self._root, name)
        path, _, query = request.target.partition("?")
        if found.is_index and name and not name.endswith("/"):
            target = f"{path}/?{query}" if query else f"{path}/"
            return Answer(308, content_type=NO_TYPE, fields=(("Location", target),))
        is_download = "download" in query.split("&")
        return self._open(request, found, found.path.rpartition("/")[2] if is_download else None)

    def _open_reply(self, request: Request, reply: FileReply) -> Answer | FileAnswer:
        return self._open(request, find_in_roots(self._roots, reply.path), reply.name)

    def _open(self, request: Request, found: FoundFile, keep_as: str | None) -> Answer | FileAnswer:
        """Answer with a file; `keep_as` is the name under which the client is to keep it."""
        form = self._choose(request, found)
        with ExitStack() as exits:
            opened = OpenFile(form.file)
            exits.callback(opened.close)
            answer = self._answer(request, form, opened, keep_as)
            if isinstance(answer, FileAnswer):
                exits.pop_all()
            return answer

    def _choose(self, request: Request, found: FoundFile) -> _Form:
        """The form that the client likes best. Raises `HttpProtocolError` if it takes none."""
        accepted = Accepted(request.headers.get(b"accept-encoding"))
        beside = find_packed(found)
        packs = self._packs and is_compressible(found.mime)
        packs = packs and self._packs_from <= found.size <= LARGEST
        varies = packs or bool(beside)
        coding = accepted.choose(tuple(beside))
        if coding:
            return _Form(beside[coding], coding, varies=True)
        if packs and (coding is None or b"range" not in request.headers):
            coding = accepted.choose(tuple(codings()))
        if coding is None:
            raise HttpProtocolError("the file is not there in a coding that you accept", 406)
        return _Form(found, coding, is_packed=bool(coding), varies=varies)

    def _answer(
        self, request: Request, form: _Form, opened: OpenFile, keep_as: str | None
    ) -> Answer | FileAnswer:
        file = opened.found
        is_read = request.method in {"GET", "HEAD"}
        validators = make_validators(
            file.size, file.mtime_ns, time.time(), form.coding, form.is_packed
        )
        fields = self._fields(form, validators)
        if is_read and is_unchanged(request.headers, validators):
            return Answer(304, fields=fields)
        fields += _fields_of_body(form, keep_as)
        mime = f"{file.mime}; charset=utf-8" if file.mime.startswith("text/") else file.mime
        if form.is_packed:
            return Answer(200, self._pack(opened, form.coding, validators.tag), mime, fields)
        part = None
        if request.method == "GET":
            part = read_range(request.headers, file.size, validators)
        if request.method == "HEAD":
            return Answer(200, b"", mime, fields, file.size)
        return _send(opened, part, mime, fields)

    def _pack(self, opened: OpenFile, coding: str, tag: str) -> bytes:
        path = opened.found.path
        packed = self._packed.get(tag, path)
        if packed is None:
            packed = codings()[coding](_read(opened, Part(0, opened.found.size)))
            self._packed.keep(tag, path, packed)
        return packed

    def _fields(self, form: _Form, validators: Validators) -> Fields:
        """The fields that a 304 has too."""
        fields = validators.fields
        if self._cache_control:
            fields += (("Cache-Control", self._cache_control),)
        if form.varies:
            fields += (("Vary", "Accept-Encoding"),)
        return fields


def _send(opened: OpenFile, part: Part | None, mime: str, fields: Fields) -> Answer | FileAnswer:
    size = opened.found.size
    status = 200
    if part is not None:
        status = 206
        last = part.start + part.length - 1
        fields += (("Content-Range", f"bytes {part.start}-{last}/{size}"),)
    else:
        part = Part(0, size)
    if part.length <= PIECE:
        return Answer(status, _read(opened, part), mime, fields)
    start = Answer(status, b"", mime, fields, part.length)
    return FileAnswer(start, FileBody(opened, part.start, part.length))


def _read(opened: OpenFile, part: Part) -> bytes:
    content = opened.read_at(part.start, part.length)
    if len(content) < part.length:
        raise NotFoundError("there is no such file")  # any more
    return content


def _fields_of_body(form: _Form, keep_as: str | None) -> Fields:
    fields: Fields = () if form.is_packed else (("Accept-Ranges", "bytes"),)
    if form.coding:
        fields += (("Content-Encoding", form.coding),)
    if keep_as is not None:
        fields += (("Content-Disposition", write_disposition(keep_as)),)
    return fields


def write_disposition(name: str) -> str:
    """`Content-Disposition` for a file to be kept as `name` (RFC 6266), whatever signs that has."""
    name = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign if " " <= sign <= "~" and sign not in '"%' else "_" for sign in name)
    value = f'attachment; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return value


def _in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(None, call)


def _close_late(opening: "asyncio.Future[Answer | FileAnswer]") -> None:
    if opening.exception() is None and isinstance(answer := opening.result(), FileAnswer):
        answer.rest.close()
