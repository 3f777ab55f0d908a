"""Pages of tasks, over all shards of their queues, and the cursors that lead from one to the next.

Rules
- Dead letters and delayed tasks have a time. Their cursor is the time, id and shard of the last one
  shown: what comes, goes or moves between two pages makes none of the others be left out or come
  twice.
- The others stand in lists. Their cursor is how many came before, so that of what moves meanwhile
  some may be missed or shown twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from actionhero.codec import encode_json
from actionhero.errors import NotFoundError
from actionhero.store.inspection_scripts import Chosen, InspectionScripts, Position, Shown
from actionhero.store.keys import queue_of
from actionhero.tasks.views import Page, view

ByTime = Literal["failed", "delayed"]
Shards = Mapping[str, InspectionScripts]
"""The scripts of each shard, in the order of their names."""
ALL: Final = Chosen()
MOST: Final = 1_000
"""Tasks in a page."""


class _Cursor(Struct, frozen=True, array_like=True):
    time: int
    id: str
    shard: str

    def before(self, shard: str) -> Position:
        """Where to go on in a shard. What has the same time and id comes in the order of the
        shards."""
        return Position(self.time, self.id, shard > self.shard)


async def page_by_time(
    state: ByTime, shards: Shards, chosen: Chosen, cursor: str | None, count: int
) -> Page:
    """Those of all shards together: delayed ones by when they are due, dead letters the newest
    first. Raises `NotFoundError` for a cursor that is none."""
    at = None if cursor is None else _read_cursor(cursor)
    count = min(count, MOST)
    found = await asyncio.gather(
        *(
            _some(state, scripts, None if at is None else at.before(shard), chosen, count)
            for shard, scripts in shards.items()
        )
    )
    tasks = [(shard, one) for shard, some in zip(shards, found, strict=True) for one in some]
    tasks.sort(key=_time_and_id, reverse=state == "failed")
    page = tasks[:count]
    following = _cursor_text(*page[-1]) if page and len(tasks) >= count else None
    return Page([view(queue_of(shard), one) for shard, one in page], following)


async def page_by_offset(state: str, shards: Shards, cursor: str | None, count: int) -> Page:
    """Those of one shard after the other. Raises `NotFoundError` for a cursor that is none."""
    names = list(shards)
    shard, offset = _read_offset(cursor, names)
    for one in names[names.index(shard) :] if names else ():
        following, found = await shards[one].page(state, offset, min(count, MOST))
        if found or following:
            return Page([view(queue_of(one), task) for task in found], _next(one, following, names))
        offset = 0
    return Page([])


async def _some(
    state: ByTime,
    scripts: InspectionScripts,
    after: Position | None,
    chosen: Chosen,
    count: int,
) -> list[Shown]:
    """The next `count` of one shard, however many calls that takes."""
    found: list[Shown] = []
    while len(found) < count:
        look = await scripts.look(
            state, count - len(found), after, chosen, is_back=state == "failed"
        )
        found += look.found
        if look.last is None:
            break
        after = look.last
    return found


def _time_and_id(task: tuple[str, Shown]) -> tuple[int, bytes]:
    return int(float(task[1].place)), task[1].id.encode()


def _cursor_text(shard: str, last: Shown) -> str:
    return encode_json(_Cursor(int(float(last.place)), last.id, shard)).hex()


def _read_cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=_Cursor)
    except (ValueError, msgspec.MsgspecError) as exc:
        raise _no_cursor(text) from exc


def _next(shard: str, following: int, shards: Sequence[str]) -> str | None:
    """Where the next page begins: further on in this shard, or in the next one."""
    if following:
        return f"{shard}:{following}"
    place = shards.index(shard) + 1
    return f"{shards[place]}:0" if place < len(shards) else None


def _read_offset(cursor: str | None, shards: Sequence[str]) -> tuple[str, int]:
    if cursor is None:
        return (shards[0] if shards else ""), 0
    shard, _, number = cursor.rpartition(":")
    if shard not in shards or not number.isdigit():
        raise _no_cursor(cursor)
    return shard, int(number)


def _no_cursor(text: str) -> NotFoundError:
    return NotFoundError(f"{text!r} is no cursor; give the `next` of a page")
