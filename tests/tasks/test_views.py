"""Tasks as people see them."""

from actionhero.store.inspection_scripts import Shown
from actionhero.tasks.views import parent_of, view

RECORD = b'1no-1800000000123{"name":"send","params":{"n":1}}'
COPY = b'1nc-1800000000123{"name":"send","params":{}}'


def test_a_delayed_one_that_raised_is_retrying() -> None:
    shown = view("q", Shown("t", "delayed", "1800000009999", RECORD, b'1 2 {"type":"E"}'))
    assert (shown.state, shown.run_at, shown.attempts, shown.lapses) == (
        "retrying",
        1_800_000_009_999,
        1,
        2,
    )


def test_one_that_only_lapsed_is_delayed() -> None:
    assert view("q", Shown("t", "delayed", "1", RECORD, b"0 1 ")).state == "delayed"


def test_what_cannot_be_read_is_shown_as_it_is() -> None:
    shown = view("q", Shown("t", "failed", "1800000000456", b"\xff9garbage", b""))
    assert (shown.name, shown.params) == ("?", "\\xff9garbage")
    assert shown.finished_at == 1_800_000_000_456


def test_what_is_kept_of_one_that_ended() -> None:
    kept = b'{"state":"failed","name":"send","finished_at":7,"error":{"type":"E","server":"a:1"}}'
    shown = view("q", Shown("t", "kept", "", kept, b""))
    assert (shown.state, shown.finished_at, shown.server) == ("failed", 7, "a:1")
    assert (shown.error, shown.result, shown.enqueued_at) == ({"type": "E"}, None, None)


def test_the_kind_and_the_band_in_words() -> None:
    shown = view("q", Shown("t", "pending", "", b'1hb-1800000000123{"name":"x","params":{}}', b""))
    assert (shown.priority, shown.scope, shown.is_periodic) == ("high", "all", True)


def test_progress_is_shown() -> None:
    told = b'{"at":1800000000456,"fraction":0.5,"note":"halfway"}'
    shown = view("q", Shown("t", "processing", "host:1", RECORD, b"", "7", told))
    assert shown.progress is not None
    assert (shown.progress.fraction, shown.progress.note) == (0.5, "halfway")
    assert shown.started_at is None  # its server numbers its claims otherwise


def test_only_a_copy_has_a_parent() -> None:
    assert parent_of("a@b.c@host:1", COPY) == "a@b.c"
    assert parent_of("a@b.c", RECORD) is None


def test_who_has_it_and_how_a_fan_out_stands() -> None:
    assert view("q", Shown("t", "processing", "host:1", RECORD, b"")).server == "host:1"
    parent = view("q", Shown("t", "broadcast", "3 1 1 0", RECORD, b""))
    assert parent.state == "processing"
    assert parent.account == {"expected": 3, "done": 1, "failed": 1, "absent": 0}
