import msgspec
import pytest

from actionhero.protocols.http1 import METHODS, Limits, Request, write_head
from actionhero.protocols.http1_parser import RequestParser


def test_a_request_cannot_be_changed() -> None:
    request = Request("GET", "/", {})
    with pytest.raises(AttributeError):
        request.target = "/other"  # type: ignore[misc]
    assert msgspec.structs.replace(request, target="/other").target == "/other"


def test_the_methods_are_those_of_the_routes() -> None:
    from actionhero.actions.routes import METHODS as ROUTED

    assert METHODS == ROUTED


@pytest.mark.parametrize("is_old", [False, True])
def test_a_head_is_written_as_it_is_read(is_old: bool) -> None:
    headers = {b"host": b"a", b"x-one": b"1, 2"}
    request = Request("GET", "/a?b=c", headers, is_old=is_old, keep_alive=not is_old)
    parser = RequestParser(Limits(100, 100, 10, 100))
    assert parser.feed(write_head(request, headers)) == [request]
