"""Read an FDL file: layers merged, every fault told at once with its place."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from scar.errors import ConfigurationError
from scar.fdl.layers import Layer, laid
from scar.fdl.model import AwsFunction, Document, StorageProviders
from scar.fdl.problems import Fault, InvalidFDL, Location, Position, key_of
from scar.fdl.rules import broken
from scar.fdl.validation_errors import worded
from scar.fdl.variables import Filling, Variables
from scar.fdl.yaml_document import Parsed, Unreadable, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

LARGEST = 1 << 20  # bytes; a file of thousands of functions stays below


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is true besides the file: layers under and over it (the weakest first), variables."""

    below: tuple[Layer, ...] = ()
    above: tuple[Layer, ...] = ()
    variables: Variables = field(default_factory=Variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A document, and how it came about.

    ``origins`` say of each function, in order, where its values are from: what is not there is
    a default. ``used`` are the variables in it, ``assumed`` those whose values are not known.
    """

    document: Document
    origins: tuple[Mapping[Location, str], ...]
    used: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> Document:
    """Read the file; ``overrides`` change every function in it (``layers``).

    Raises InvalidFDL with all faults, also when the file cannot be read.
    """
    layer = Layer(source="command line", values=overrides or {})
    return resolve(path, Around(above=(layer,))).document


def resolve(path: Path, around: Around) -> Resolved:
    """Read the file with all that lies around it; raises InvalidFDL like ``load``."""
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
    return _resolved(parsed, path, around)


def from_values(folder: Path, around: Around) -> Resolved:
    """Make a document of one function without a file, as given on a command line."""
    parsed = Parsed({"functions": {"aws": [{}]}}, {})
    return _resolved(parsed, folder / "the command line", around)


def _resolved(parsed: Parsed, path: Path, around: Around) -> Resolved:
    filling = Filling(around.variables.of(_region(parsed.data)))
    data = filling.fill(parsed.data)
    faults = [
        Fault(position=parsed.place(location), key=key_of(location), problem=problem)
        for location, problem in filling.faults
    ]
    whole = Parsed(data, parsed.places)
    data, origins = _laid(whole, path, around, filling)
    laid_out = Parsed(data, parsed.places)
    if faults:
        raise InvalidFDL(str(path), [*faults, *_others(faults, laid_out, path, origins)])
    return Resolved(
        document=_document(laid_out, path, origins),
        origins=origins,
        used=frozenset(filling.used),
        assumed=filling.assumed,
    )


def _others(
    faults: Sequence[Fault], parsed: Parsed, path: Path, origins: Sequence[Mapping[Location, str]]
) -> Iterator[Fault]:
    """Find what else is wrong; values that could not be filled in are told already."""
    told = {fault.key for fault in faults}
    try:
        _document(parsed, path, origins)
    except InvalidFDL as error:
        yield from (fault for fault in error.faults if fault.key not in told)


def _region(data: Mapping[str, Any]) -> str:
    """Return the Region that the file's functions want; the first is that of all of them."""
    for entry in _entries(data):
        spec = entry.get("lambda") if isinstance(entry, dict) else None
        region = spec.get("region") if isinstance(spec, dict) else None
        if isinstance(region, str) and region:
            return region
    return ""


def _entries(data: Mapping[str, Any]) -> list[Any]:
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    return entries if isinstance(entries, list) else []


def _laid(
    parsed: Parsed, path: Path, around: Around, filling: Filling
) -> tuple[dict[str, Any], tuple[Mapping[Location, str], ...]]:
    """Lay everything around the file under and over each function.

    A document without functions stays as it is: the model tells what is wrong.
    """
    below = [_filled(layer, filling) for layer in around.below]
    entries: list[Any] = []
    origins: list[Mapping[Location, str]] = []
    for number, entry in enumerate(_entries(parsed.data)):
        if not isinstance(entry, dict):
            entries.append(entry)
            origins.append({})
            continue
        own = _own(entry, number, parsed, path)
        values, of_values = laid([*below, own, *around.above])
        entries.append(values)
        origins.append(of_values)
    if not entries:
        return parsed.data, ()
    functions = {**parsed.data["functions"], "aws": entries}
    return {**parsed.data, "functions": functions}, tuple(origins)


def _filled(layer: Layer, filling: Filling) -> Layer:
    if not layer.is_file:
        return layer
    own = Filling(filling.values)
    values = own.fill(layer.values)
    filling.used |= own.used
    if own.faults:
        location, problem = own.faults[0]
        raise ConfigurationError(
            f"{layer.at(location)}: {key_of(location)}: {problem}.",
            remedy="Correct the configuration file.",
        )
    return replace(layer, values=values)


def _own(entry: dict[str, Any], number: int, parsed: Parsed, path: Path) -> Layer:
    base: Location = ("functions", "aws", number)
    places = {
        location[len(base) :]: f"{path}:{position.line}"
        for location, position in parsed.places.items()
        if location[: len(base)] == base
    }
    return Layer(source=str(path), values=entry, places=places)


def _document(parsed: Parsed, path: Path, origins: Sequence[Mapping[Location, str]]) -> Document:
    name = str(path) if parsed.places else path.name
    data = parsed.data
    context = {"folder": path.parent}
    try:
        document = Document.model_validate(data, context=context)
    except ValidationError as error:
        # pydantic calls a list too short if its only entries are faulty.
        faults = [
            _elsewhere(worded(detail, parsed), detail["loc"], origins, str(path))
            for detail in error.errors()
            if detail["type"] != "too_short" or not detail["input"]
        ]
        faults += _rule_faults(broken(_sound(data, context), StorageProviders()), parsed)
        raise InvalidFDL(name, faults) from error
    rules = broken(list(enumerate(document.functions.aws)), document.storage_providers)
    if faults := list(_rule_faults(rules, parsed)):
        raise InvalidFDL(name, faults)
    return document


def _elsewhere(
    fault: Fault, at: Location, origins: Sequence[Mapping[Location, str]], path: str
) -> Fault:
    """Say of a value that does not stand in the file where it is from."""
    if at[:2] != ("functions", "aws") or len(at) < 4 or not isinstance(at[2], int):
        return fault
    source = origin_of(at[3:], origins[at[2]]) if at[2] < len(origins) else ""
    if not source or source.startswith(path):
        return fault
    return replace(fault, problem=f"{fault.problem} (from: {source})")


def origin_of(location: Location, origins: Mapping[Location, str]) -> str:
    """Return where the value at a location of a function is from; empty: it is a default."""
    for length in range(len(location), 0, -1):
        if (source := origins.get(location[:length])) is not None:
            return source
    size = len(location)
    return next((s for o, s in origins.items() if o[:size] == location), "")


def _sound(data: dict[str, Any], context: dict[str, Any]) -> list[tuple[int, AwsFunction]]:
    """Return the functions of a faulty document that have no fault of their own."""
    sound = []
    for number, entry in enumerate(_entries(data)):
        with contextlib.suppress(ValidationError):
            sound.append((number, AwsFunction.model_validate(entry, context=context)))
    return sound


def _whole(problem: str) -> Fault:
    return Fault(position=Position(), key="", problem=problem)


def _rule_faults(found: Iterable[tuple[Location, str]], parsed: Parsed) -> Iterator[Fault]:
    for location, problem in found:
        yield Fault(position=parsed.place(location), key=key_of(location), problem=problem)
