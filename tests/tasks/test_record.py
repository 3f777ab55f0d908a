"""Records and troubles, to bytes and back."""

import pytest

from actionhero.tasks.record import (
    HEADER,
    LIMITED,
    NO_TROUBLES,
    UNIQUE,
    Priority,
    Scope,
    Troubles,
    UnreadableRecordError,
    enqueued_at,
    new_record,
    read_body,
    read_troubles,
    record_head,
    with_members,
)

STORED = b'1no-1800000000123{"name":"send","params":{"n":1}}'


@pytest.mark.parametrize(
    ("priority", "scope", "is_periodic", "header"),
    [
        ("normal", "any", False, b"1no-"),
        ("high", "all", False, b"1ha-"),
        ("low", "any", True, b"1lp-"),
        ("normal", "all", True, b"1nb-"),
    ],
)
def test_the_header_says_what_the_scripts_must_know(
    priority: Priority, scope: Scope, is_periodic: bool, header: bytes
) -> None:
    head = record_head("send", priority, scope, is_periodic=is_periodic)
    assert new_record(head, b'{"n":1}') == header + b'{"name":"send","params":{"n":1}}'


def test_reads_what_was_stored() -> None:
    body = read_body(STORED)
    assert (body.name, bytes(body.params)) == ("send", b'{"n":1}')
    assert enqueued_at(STORED) == 1_800_000_000_123
    assert STORED[HEADER:].startswith(b"{")


def test_the_members_of_one_task_have_their_order() -> None:
    head = record_head("send", "normal", "any", is_periodic=False, flags=UNIQUE | LIMITED, keep=500)
    record = new_record(with_members(head, unique="send:0f", trace="00-1-2-01"), b"{}")
    assert record == (
        b'1noG{"name":"send","unique":"send:0f","keep":500,"trace":"00-1-2-01","params":{}}'
    )
    body = read_body(record[:4] + b"1800000000123" + record[4:])
    assert (body.name, body.trace, bytes(body.params)) == ("send", "00-1-2-01", b"{}")
    assert with_members(head) == head


def test_members_of_later_versions_are_left_alone() -> None:
    body = read_body(STORED[:-1] + b',"trace":"00-1"}')
    assert bytes(body.params) == b'{"n":1}'


@pytest.mark.parametrize(
    "record",
    [b"", b"2" + STORED[1:], STORED[:-1], STORED[:HEADER] + b'{"name":1}', STORED[:20] + b"\xff"],
)
def test_what_cannot_be_read_says_so(record: bytes) -> None:
    with pytest.raises(UnreadableRecordError):
        read_body(record)


def test_a_record_without_a_time_has_none() -> None:
    assert enqueued_at(b"1no-garbage") == 0


@pytest.mark.parametrize(
    ("text", "troubles"),
    [
        (None, NO_TROUBLES),
        (b"", NO_TROUBLES),
        (b"2 1 ", Troubles(2, 1, None)),
        (b'1 0 {"type":"E","n":1}', Troubles(1, 0, {"type": "E", "n": "1"})),
        (b"1 0 garbage", Troubles(1, 0, {"type": "", "message": "garbage"})),
        (b"1 0 [1]", Troubles(1, 0, {"type": "", "message": "[1]"})),
    ],
)
def test_reads_troubles(text: bytes | None, troubles: Troubles) -> None:
    assert read_troubles(text) == troubles
