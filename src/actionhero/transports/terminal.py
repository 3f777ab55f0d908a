"""The command line as a transport: `actionhero run NAME --key value`.

    --key value    --key=value    a value that begins with two dashes needs the second form
    --flag                        `true`, when another option or nothing follows
    --tag a --tag b               a list
    --sleep-duration 5            dashes stand for the underscores of a parameter's name

The words are read leniently against the action's signature, as a query string is. `apiVersion`
is the action's version, as on every transport. What an action streams is shown as it comes.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.streams import Stream
from actionhero.connections import Connection, new_id
from actionhero.errors import ActionHeroError, MalformedError
from actionhero.messages import Call, Event, Reply, Words

_VERSION = "apiVersion"


def parse_words(args: Sequence[str]) -> Words:
    """The inputs that arguments give. Raises `MalformedError` for a value without a name."""
    words: Words = {}
    for name, value in _pairs(args):
        before = words.get(name)
        if before is None:
            words[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            words[name] = [before, value]
    return words


async def run_action(
    dispatcher: Dispatcher, action: str, words: Words, show: Callable[[Any], None]
) -> Reply | None:
    """Run one action for the person at the terminal. None if it has streamed: then each value has
    been given to `show`."""
    inputs = dict(words)
    version = inputs.pop(_VERSION, None)
    newest = version[-1] if isinstance(version, list) else version
    call = Call(action, inputs, version=newest, request_id=new_id())
    reply = await dispatcher.dispatch(call, Connection("terminal"))
    return await _show_all(reply.value, show) if isinstance(reply.value, Stream) else reply


async def _show_all(stream: Stream, show: Callable[[Any], None]) -> Reply | None:
    try:
        async with contextlib.aclosing(stream):
            async for value in stream:
                show(value.data if isinstance(value, Event) else value)
    except ActionHeroError as exc:
        return Reply(error=exc)
    return None


def _pairs(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = list(reversed(args))
    while rest:
        arg = rest.pop()
        name, has_value, value = arg.removeprefix("--").partition("=")
        if not arg.startswith("--") or not name:
            raise MalformedError(f"{arg!r} belongs to no input; write --name value")
        if not has_value:
            value = rest.pop() if rest and not rest[-1].startswith("--") else "true"
        _check_text(name, value)
        yield _input_name(name), value


def _check_text(name: str, value: str) -> None:
    """Python smuggles bytes that are not UTF-8 through arguments; no action should meet them."""
    try:
        (name + value).encode()
    except UnicodeEncodeError as exc:
        raise MalformedError(f"the value of --{ascii(name)[1:-1]} is not UTF-8") from exc


def _input_name(option: str) -> str:
    """The parameter an option means; parameters have no dashes in their names."""
    name = option.replace("-", "_")
    return _VERSION if name == "api_version" else name
