"""A function's signature as the reader of its inputs.

`compile_inputs` makes of the parameters one msgspec struct, so that reading is one call of
compiled code; only what does not fit is looked at again, field by field, to report all of it.

Two kinds of sources, two rules. JSON is read strictly: `"5"` is not an `int`. Words (path, query,
form, command line) have no types, so they are converted: `5`, `true`, `2026-01-31`; a name given
more than once fills a list, and a list or object may be written as JSON. `nan` and `inf` are no
numbers in either.
"""

import copy
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any, Union

import msgspec
from msgspec import Struct, convert

from actionhero.codec.jsonrules import check_depth, check_names, is_open
from actionhero.codec.jsontext import decode_json, encode_json, read_json
from actionhero.codec.problems import Field, fields_of, find_problems, missing, problem_of, strip
from actionhero.errors import DefinitionError, InputProblem, InvalidInputError, MalformedError
from actionhero.messages import Words


class Inputs:
    """How one function's inputs are read, checked and handed over.

    `injected` maps the parameters that are no inputs to the type each is handed in by.
    """

    __slots__ = (
        "_decode",
        "_is_open",
        "_least",
        "_nested",
        "_plain",
        "_positional",
        "_required",
        "_signature",
        "fields",
        "injected",
        "is_positional",
        "struct",
    )

    def __init__(
        self, struct: type[Struct], signature: inspect.Signature, injected: dict[str, Any]
    ) -> None:
        self.struct = struct
        self.injected = injected
        self.fields = {
            f.name: Field(f.name, f.type, f.required) for f in msgspec.structs.fields(struct)
        }
        self._signature = signature
        self._positional = tuple(
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        )
        self.is_positional = self._positional == struct.__struct_fields__
        """Whether the function takes the values in the order of the struct's fields."""
        self._required = frozenset(name for name, field in self.fields.items() if field.required)
        self._least = len(self._required)
        self._plain = all(_is_plain(field.kind) for field in self.fields.values())
        self._nested = not all(_is_scalar(field.kind) for field in self.fields.values())
        self._is_open = is_open(struct)
        self._decode: Callable[[bytes], Struct] = msgspec.json.Decoder(struct).decode

    def read(self, words: Words, body: bytes | None) -> Struct:
        """The inputs of a call. Where both sources have a name, the words win: they hold the path.

        Raises `InvalidInputError` with every problem, `MalformedError` for unreadable JSON.
        """
        if body is None:
            if self._plain:
                try:
                    return convert(words, self.struct, strict=False)
                except msgspec.ValidationError:
                    pass  # looked at again, for all that is wrong
            return self._read_mixed(words, {})
        if not words:
            try:
                values = self._decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return self.decode(body)  # and say what is wrong
            if self._is_open:
                check_depth(body)
            # with as many colons as there are required fields, each name is there once; messages
            # have one name more, that of the action
            more = body.count(b":") - self._least
            if more > 0 and (more > 1 or b'"action":' not in body):
                check_names(body)
            return values
        given = decode_json(body)
        if not isinstance(given, dict):
            raise InvalidInputError((_not_an_object(given),))
        check_depth(body)
        check_names(body)
        return self._read_mixed(words, given)

    def decode(self, body: bytes) -> Struct:
        """The inputs from a JSON object. Raises as `read`."""
        try:
            return read_json(self._decode, body)
        except msgspec.ValidationError as exc:
            problems = find_problems(decode_json(body), self.struct)
            raise InvalidInputError(problems or (problem_of(exc, ""),)) from exc

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Struct:
        """The inputs from Python values, as the function takes them. Raises as `read`."""
        given = self._by_name(args, kwargs)
        try:
            values = convert(given, self.struct)
        except msgspec.ValidationError as exc:
            problems = find_problems(given, self.struct)
            raise InvalidInputError(problems or (problem_of(exc, ""),)) from exc
        if self._nested:
            # msgspec takes an object of the right class as it is, its fields unchecked
            self.decode(self.encode(values))
        return values

    def encode(self, values: Struct) -> bytes:
        """The inputs as a JSON object that `decode` reads back."""
        return encode_json(values)

    def arguments(self, values: Struct) -> dict[str, Any]:
        """The keyword arguments for the function."""
        return msgspec.structs.asdict(values)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the inputs, its `$defs` included."""
        (schema,), components = msgspec.json.schema_components(
            [self.struct], ref_template="#/$defs/{name}"
        )
        own = components.pop(self.struct.__name__, schema)
        return {**own, "$defs": components} if components else own

    def _read_mixed(self, words: Words, given: Mapping[str, Any]) -> Struct:
        """Field by field: slower, and with every problem."""
        values: dict[str, Any] = {}
        problems: list[InputProblem] = []
        for name, field in self.fields.items():
            try:
                if name in words:
                    values[name] = read_word(words[name], field.kind, name)
                elif name in given:
                    values[name] = _read_value(given[name], field.kind, name)
                elif field.required:
                    problems.append(missing(name))
            except InvalidInputError as exc:
                problems.extend(exc.problems)
        if problems:
            raise InvalidInputError(tuple(problems))
        return self.struct(**values)

    def _by_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name. `Signature.bind` costs more than all the rest, so it is only asked
        where something does not fit."""
        given = {**dict(zip(self._positional, args, strict=False)), **kwargs}
        if (
            len(given) == len(args) + len(kwargs)
            and self._required <= given.keys() <= self.fields.keys()
        ):
            return given
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as exc:
            raise InvalidInputError(
                self._misfits(args, kwargs) or (InputProblem("", "wrong_arguments", str(exc)),)
            ) from exc

    def _misfits(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[InputProblem, ...]:
        """Which arguments are missing or unknown."""
        given = {*list(self._signature.parameters)[: len(args)], *kwargs}
        absent = [missing(n) for n, f in self.fields.items() if f.required and n not in given]
        unknown = [
            InputProblem(n, "unknown", f"is not a parameter; there are {', '.join(self.fields)}")
            for n in kwargs
            if n not in self.fields
        ]
        return (*absent, *unknown)


def compile_inputs(function: Callable[..., Any], is_injected: Callable[[Any], bool]) -> Inputs:
    """The inputs of `function`; parameters whose type `is_injected` are left out of them.

    Raises `DefinitionError` for a signature that cannot be read from the outside.
    """
    signature = inspect.signature(function)
    hints = _hints(function)
    injected = {
        name: strip(hints[name])
        for name in signature.parameters
        if name in hints and is_injected(strip(hints[name]))
    }
    read = [p for name, p in signature.parameters.items() if name not in injected]
    for parameter in read:
        _check_parameter(function, parameter, hints)
    struct = _make_struct(function, read, hints)
    _check_types(function, struct)
    return Inputs(struct, signature.replace(parameters=read), injected)


def read_word(word: str | list[str], kind: Any, name: str) -> Any:
    """One word as a `kind`, leniently. Raises `InvalidInputError`."""
    value = _unfold(word, strip(kind), name)
    if isinstance(value, str) or _is_list(strip(kind)):
        try:
            converted = convert(value, kind, strict=False)
        except msgspec.ValidationError as exc:
            raise InvalidInputError((_word_problem(exc, value, name),)) from exc
        _refuse_infinite(converted, name)
        return converted
    return _read_value(value, kind, name)


def _read_value(value: Any, kind: Any, name: str) -> Any:
    try:
        return convert(value, kind)
    except msgspec.ValidationError as exc:
        raise InvalidInputError(
            find_problems(value, kind, name) or (problem_of(exc, name),)
        ) from exc


def _word_problem(error: Exception, value: Any, name: str) -> InputProblem:
    """The problem of a word, which shows the word: its type would always be `str`."""
    problem = problem_of(error, name)
    if isinstance(value, str) and problem.message.endswith(", got `str`"):
        message = problem.message.removesuffix("`str`") + repr(value[:40])
        return InputProblem(problem.path, problem.code, message)
    return problem


def _unfold(word: str | list[str], kind: Any, name: str) -> Any:
    """The word in the shape its type needs: a list, an object out of JSON, or one text."""
    if _is_list(kind):
        if isinstance(word, str) and word.lstrip().startswith("["):
            return _decode_word(word, name)
        return [word] if isinstance(word, str) else word
    text = word if isinstance(word, str) else word[-1]
    if _is_object(kind) and text.lstrip().startswith("{"):
        return _decode_word(text, name)
    return text


def _decode_word(word: str, name: str) -> Any:
    try:
        return decode_json(word.encode())
    except MalformedError as exc:
        raise InvalidInputError((InputProblem(name, "bad_format", exc.message),)) from exc


def _refuse_infinite(value: Any, name: str) -> None:
    values = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    if any(isinstance(item, float) and not math.isfinite(item) for item in values):
        raise InvalidInputError((InputProblem(name, "out_of_range", "must be a finite number"),))


def _is_list(kind: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    return origin in (list, set, frozenset, tuple)


def _is_object(kind: Any) -> bool:
    return (typing.get_origin(kind) or kind) is dict or fields_of(kind) is not None


def _is_scalar(kind: Any) -> bool:
    return strip(kind) in (str, int, bool, float)


def _is_plain(kind: Any) -> bool:
    """Whether one compiled conversion reads this kind from a word with nothing left to check."""
    return strip(kind) in (str, int, bool)


def _not_an_object(given: Any) -> InputProblem:
    return InputProblem("", "wrong_type", f"expected `object`, got `{type(given).__name__}`")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as exc:
        raise DefinitionError(
            f"{place_of(function)}: the type {exc.name!r} cannot be found; "
            "import it at the top of the module, not under TYPE_CHECKING"
        ) from exc


def _check_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> None:
    where = f"{place_of(function)}: parameter {parameter.name!r}"
    if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD and (
        parameter.kind is not parameter.KEYWORD_ONLY
    ):
        raise DefinitionError(f"{where} must be an ordinary one; inputs are given by name")
    if parameter.name not in hints:
        raise DefinitionError(f"{where} has no type; write `{parameter.name}: str` or the like")


def _make_struct(
    function: Callable[..., Any], parameters: list[inspect.Parameter], hints: Mapping[str, Any]
) -> type[Struct]:
    fields: list[Any] = []
    for parameter in parameters:
        kind = hints[parameter.name]
        if parameter.default is parameter.empty:
            fields.append((parameter.name, kind))
        else:
            fields.append(
                (
                    parameter.name,
                    _with_default(kind, parameter.default),
                    _default(parameter.default),
                )
            )
    name = "".join(part.capitalize() for part in function.__name__.split("_")) + "Inputs"
    return msgspec.defstruct(name, fields, kw_only=True, module=function.__module__)


def _with_default(kind: Any, default: Any) -> Any:
    """A default of None makes the type optional, as a reader of the signature takes it."""
    return Union[kind, None] if default is None else kind  # noqa: UP007  `|` fails on strings


def _default(value: Any) -> Any:
    if isinstance(value, (list, dict, set)):
        return msgspec.field(default_factory=lambda: copy.deepcopy(value))
    return value


def _check_types(function: Callable[..., Any], struct: type[Struct]) -> None:
    for field in msgspec.structs.fields(struct):
        try:
            info = msgspec.inspect.type_info(field.type)
            msgspec.json.Decoder(field.type)
        except TypeError as exc:
            raise DefinitionError(f"{place_of(function)}: parameter {field.name!r}: {exc}") from exc
        if isinstance(info, msgspec.inspect.CustomType):
            raise DefinitionError(
                f"{place_of(function)}: parameter {field.name!r} has the type {info.cls.__name__}, "
                "which cannot be read from JSON and which no initializer provides; use a "
                "msgspec.Struct or dataclass, or write an initializer that yields it"
            )


def place_of(function: Callable[..., Any]) -> str:
    """Where a function is defined, for messages: `hello (app/actions.py:12)`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
