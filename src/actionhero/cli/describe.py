"""Actions, inputs and tasks in words. What is said of actions needs no connection: it is read
from the definitions alone."""

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from actionhero.cli.frame import suggestion
from actionhero.errors import UnknownActionError

if TYPE_CHECKING:
    from actionhero.actions.action import Action, ActionVersions
    from actionhero.app import App
    from actionhero.codec import Inputs
    from actionhero.tasks.views import TaskView


class InputDescription(Struct, frozen=True):
    """One input: its type in words, and its default as JSON where it is not required."""

    name: str
    kind: str
    is_required: bool
    default: str


def find_action(app: "App", name: str) -> "Action":
    """The newest version of an action. Raises `UnknownActionError`."""
    versions = versions_of(app).get(name)
    if versions is None:
        raise UnknownActionError(
            f"{name!r} is not a known action; {suggestion(name, versions_of(app))}"
        )
    return versions.newest


def describe_inputs(inputs: "Inputs") -> list[InputDescription]:
    """The inputs of an action or task, in their order."""
    properties: dict[str, Any] = inputs.schema().get("properties", {})
    return [
        InputDescription(
            field.name, kind_in_words(properties[field.name]), field.required, _default(field)
        )
        for field in msgspec.structs.fields(inputs.struct)
    ]


def _default(field: msgspec.structs.FieldInfo) -> str:
    from actionhero.codec import encode_json

    if field.required:
        return ""
    if field.default is not msgspec.NODEFAULT:
        return encode_json(field.default).decode()
    return encode_json(field.default_factory()).decode()


def inputs_of(app: "App", action: "Action") -> "Inputs":
    """The compiled inputs of an action whose app does not run."""
    from actionhero.actions.ready import is_of_call
    from actionhero.app import App
    from actionhero.codec import compile_inputs
    from actionhero.services import PROVIDED

    provided = {App, *PROVIDED, *(one.provides for one in app.definitions.initializers)}
    return compile_inputs(action.function, lambda kind: is_of_call(kind) or kind in provided)


def kind_in_words(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words: `integer 1 to 10`, `list of text`, `a | b`."""
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(kind_in_words(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = {"string": "text", "array": "list"}.get(schema.get("type", ""), schema.get("type", ""))
    if kind == "list" and schema.get("items"):
        kind = f"list of {kind_in_words(schema['items'])}"
    return " ".join(filter(None, (kind or "anything", schema.get("format", ""), _limits(schema))))


def _limits(schema: dict[str, Any]) -> str:
    pairs = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"))
    for low, high, unit in (*pairs, ("minItems", "maxItems", " items")):
        if low in schema and high in schema:
            return f"{schema[low]} to {schema[high]}{unit}"
        if low in schema:
            return f"≥ {schema[low]}{unit}"
        if high in schema:
            return f"≤ {schema[high]}{unit}"
    return f"like {schema['pattern']}" if "pattern" in schema else ""


def first_line(text: str) -> str:
    """The summary of a docstring."""
    return text.partition("\n")[0]


def versions_of(app: "App") -> "dict[str, ActionVersions]":
    """All actions by name, in the order of their names."""
    return dict(sorted(app.definitions.versions().items()))


def describe_task(one: "TaskView") -> Iterator[tuple[str, str]]:
    """What there is to say about a task, by name."""
    from actionhero.codec import encode_json

    yield "id", one.id
    yield "task", one.name
    yield "queue", one.queue
    yield "state", _state_of(one)
    if one.priority != "normal":
        yield "priority", one.priority
    if one.params is not None:
        yield "params", encode_json(one.params).decode()
    yield from _times(one)
    if one.parent:
        yield "copy of", one.parent
    if one.account:
        yield "servers", ", ".join(f"{count} {name}" for name, count in one.account.items())
    if one.progress:
        yield "progress", f"{one.progress.fraction:.0%} {one.progress.note}".rstrip()
    if one.attempts or one.lapses:
        yield "attempts", f"{one.attempts} raised, {one.lapses} lost with their server"
    if one.result is not None:
        yield "result", encode_json(one.result).decode()
    if one.error:
        yield "error", error_of(one)


def _state_of(one: "TaskView") -> str:
    if one.server is None:
        return one.state
    return f"{one.state} {'for' if one.state == 'local' else 'on'} {one.server}"


def _times(one: "TaskView") -> Iterator[tuple[str, str]]:
    times = (
        ("enqueued", one.enqueued_at),
        ("due", one.run_at),
        ("started", one.started_at),
        ("failed" if one.state == "failed" else "ended", one.finished_at),
    )
    for name, milliseconds in times:
        if milliseconds:
            yield name, moment(milliseconds)


def error_of(one: "TaskView") -> str:
    """Its last error in a line."""
    error = one.error or {}
    return ": ".join(filter(None, (error.get("type"), error.get("message"))))


def moment(milliseconds: int | None) -> str:
    """A time of the store, by this machine's zone."""
    if not milliseconds:
        return ""
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"
