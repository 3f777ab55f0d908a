"""Where the input of a connection is cut, so that no piece holds more than one request.

llhttp does not say where in the bytes that it is fed a request begins. Where that is known, its
first line can be looked at (llhttp takes several spaces in it for one), and what it takes counted.
A head and a body in chunks end with an empty line; other empty lines only make more pieces.
"""

_EMPTY_LINE = b"\r\n\r\n"
_ENDS_OF_LINES = b"\r\n"


class Pieces:
    """The pieces of one input. `spaces`: how many the first line of the request has so far."""

    __slots__ = ("_is_in_line", "_tail", "spaces")

    def __init__(self) -> None:
        self.spaces = 0
        self._is_in_line = False
        self._tail = b""  # what came of an empty line

    def begin(self, data: bytes, start: int) -> int:
        """The end of the piece at `start`, where a request may begin, after empty lines."""
        self.spaces = 0
        self._tail = b""
        if data[start] in _ENDS_OF_LINES:
            start = len(data) - len(data[start:].lstrip(_ENDS_OF_LINES))
        self._is_in_line = start < len(data)
        return self.go_on(data, start)

    def go_on(self, data: bytes, start: int) -> int:
        """The end of the piece at `start`, within a head or a body in chunks."""
        if self._is_in_line:
            end = data.find(b"\r", start)
            self._is_in_line = end < 0
            self.spaces += data.count(b" ", start, len(data) if end < 0 else end)
        tail = self._tail
        if tail:
            found = (tail + data[start : start + 3]).find(_EMPTY_LINE)
            if found >= 0:
                self._tail = b""
                return start + found + 4 - len(tail)
        found = data.find(_EMPTY_LINE, start)
        if found >= 0:
            self._tail = b""
            return found + 4
        self._tail = (tail + data[max(start, len(data) - 3) :])[-3:]
        return len(data)
