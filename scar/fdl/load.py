"""Read an FDL file: layers merged, every fault told at once with its place."""

from __future__ import annotations

import contextlib
import difflib
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from scar.fdl.document import Parsed, Unreadable, parse
from scar.fdl.faults import Fault, InvalidFDL, Location, Position, key_of
from scar.fdl.layers import merged
from scar.fdl.model import AwsFunction, Document, StorageProviders
from scar.fdl.rules import broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

LARGEST = 1 << 20  # bytes; a file of thousands of functions stays below


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> Document:
    """Read the file; ``overrides`` change every function in it (``layers``).

    Raises InvalidFDL with all faults, also when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise InvalidFDL(str(path), [_whole(f"the file is larger than {LARGEST} bytes")])
        text = data.decode()
    except OSError as error:
        raise InvalidFDL(str(path), [_whole(f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InvalidFDL(str(path), [_whole("the file is not UTF-8 text")]) from error
    try:
        parsed = parse(text)
    except Unreadable as error:
        raise InvalidFDL(str(path), error.faults) from error
    return _document(parsed, path, overrides or {})


def from_values(values: Mapping[str, Any], folder: Path) -> Document:
    """Make a document of one function from values alone, as given on a command line."""
    parsed = Parsed({"functions": {"aws": [{}]}}, {})
    return _document(parsed, folder / "the command line", values)


def _document(parsed: Parsed, path: Path, overrides: Mapping[str, Any]) -> Document:
    name = str(path) if parsed.places else path.name
    data = merged(parsed.data, overrides)
    context = {"folder": path.parent}
    try:
        document = Document.model_validate(data, context=context)
    except ValidationError as error:
        # pydantic calls a list too short if its only entries are faulty.
        faults = [
            _fault(detail, parsed)
            for detail in error.errors()
            if detail["type"] != "too_short" or not detail["input"]
        ]
        faults += _rule_faults(broken(_sound(data, context), StorageProviders()), parsed)
        raise InvalidFDL(name, faults) from error
    rules = broken(list(enumerate(document.functions.aws)), document.storage_providers)
    if faults := list(_rule_faults(rules, parsed)):
        raise InvalidFDL(name, faults)
    return document


def _sound(data: dict[str, Any], context: dict[str, Any]) -> list[tuple[int, AwsFunction]]:
    """Return the functions of a faulty document that have no fault of their own."""
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    sound = []
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        with contextlib.suppress(ValidationError):
            sound.append((number, AwsFunction.model_validate(entry, context=context)))
    return sound


def _whole(problem: str) -> Fault:
    return Fault(position=Position(), key="", problem=problem)


def _rule_faults(found: Iterable[tuple[Location, str]], parsed: Parsed) -> Iterator[Fault]:
    for location, problem in found:
        yield Fault(position=parsed.place(location), key=key_of(location), problem=problem)


def _fault(detail: ErrorDetails, parsed: Parsed) -> Fault:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    return Fault(
        position=parsed.place(location), key=key_of(location), problem=_problem(detail, location)
    )


_WANTED = {
    "model_type": "must have keys below it",
    "dict_type": "must have keys below it",
    "tuple_type": "must be a list",
    "path_type": "must be the path of a file",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
}


def _problem(detail: ErrorDetails, location: Location) -> str:
    match detail["type"]:
        case "extra_forbidden":
            problem = f"there is no such key{_suggestion(location)}"
        case "missing":
            problem = "is required and missing"
        case "value_error":
            problem = detail["msg"].removeprefix("Value error, ")
        case "too_short":
            problem = "there is no function"
        case kind:
            wanted = _WANTED.get(kind, detail["msg"].removeprefix("Input "))
            problem = f"{wanted}, not {_shown(detail['input'])}"
    return problem


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _suggestion(location: Location) -> str:
    known = keys_below(Document, location[:-1])
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean `{nearest[0]}`?"
    return f"; there are {', '.join(known)}" if known else ""


def keys_below(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the FDL knows at a location, empty if it is no place for keys."""
    for part in location:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        below = model_in(fields[part].annotation) if part in fields else None
        if below is None:
            return []
        model = below
    return [field.alias or name for name, field in model.model_fields.items()]


def model_in(annotation: object) -> type[BaseModel] | None:
    """Return the part of the FDL that a field holds, itself or in a list, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := model_in(inner)) is not None:
            return found
    return None
