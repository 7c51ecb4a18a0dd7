"""Read an FDL file: layers merged, every fault told at once with its place."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from scar.errors import ConfigurationError
from scar.fdl.layers import SettingsLayer, merge_layers
from scar.fdl.model import AwsFunction, FdlDocument, StorageProviders
from scar.fdl.problems import InvalidFdlError, Location, Position, Problem, format_location
from scar.fdl.rules import check_rules
from scar.fdl.validation_errors import convert_validation_error
from scar.fdl.variables import TemplateVariables, VariableSubstitution
from scar.fdl.yaml_document import DocumentSyntaxError, ParsedDocument, parse_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

MAX_FILE_SIZE = 1 << 20  # bytes; a file of thousands of functions stays below


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """What is true besides the file: layers under and over it (the weakest first), variables."""

    lower_layers: tuple[SettingsLayer, ...] = ()
    upper_layers: tuple[SettingsLayer, ...] = ()
    variables: TemplateVariables = field(default_factory=TemplateVariables)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedDocument:
    """A document, and how it came about.

    ``origins`` say of each function, in order, where its values are from: what is not there is
    a default. ``used`` are the variables in it, ``assumed`` those whose values are not known.
    """

    document: FdlDocument
    origins: tuple[Mapping[Location, str], ...]
    used_variables: frozenset[str] = frozenset()
    assumed_variables: frozenset[str] = frozenset()


def load_document(path: Path, overrides: Mapping[str, Any] | None = None) -> FdlDocument:
    """Read the file; ``overrides`` change every function in it (``layers``).

    Raises InvalidFDL with all faults, also when the file cannot be read.
    """
    layer = SettingsLayer(source="command line", values=overrides or {})
    return resolve_file(path, LoadContext(upper_layers=(layer,))).document


def resolve_file(path: Path, context: LoadContext) -> ResolvedDocument:
    """Read the file with all that lies around it; raises InvalidFDL like ``load``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
        if len(data) > MAX_FILE_SIZE:
            raise InvalidFdlError(
                str(path), [_file_problem(f"the file is larger than {MAX_FILE_SIZE} bytes")]
            )
        text = data.decode()
    except OSError as error:
        raise InvalidFdlError(
            str(path), [_file_problem(f"cannot be read: {error.strerror}")]
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidFdlError(str(path), [_file_problem("the file is not UTF-8 text")]) from error
    try:
        parsed = parse_document(text)
    except DocumentSyntaxError as error:
        raise InvalidFdlError(str(path), error.problems) from error
    return _resolve_document(parsed, path, context)


def resolve_values(folder: Path, context: LoadContext) -> ResolvedDocument:
    """Make a document of one function without a file, as given on a command line."""
    parsed = ParsedDocument({"functions": {"aws": [{}]}}, {})
    return _resolve_document(parsed, folder / "the command line", context)


def _resolve_document(parsed: ParsedDocument, path: Path, context: LoadContext) -> ResolvedDocument:
    filling = VariableSubstitution(
        context.variables.values_for_region(_document_region(parsed.data))
    )
    data = filling.substitute(parsed.data)
    faults = [
        Problem(
            position=parsed.position_of(location), key=format_location(location), message=problem
        )
        for location, problem in filling.problems
    ]
    whole = ParsedDocument(data, parsed.positions)
    data, origins = _merge_function_layers(whole, path, context, filling)
    laid_out = ParsedDocument(data, parsed.positions)
    if faults:
        raise InvalidFdlError(
            str(path), [*faults, *_find_other_problems(faults, laid_out, path, origins)]
        )
    return ResolvedDocument(
        document=_validate_document(laid_out, path, origins),
        origins=origins,
        used_variables=frozenset(filling.used_variables),
        assumed_variables=filling.assumed_variables,
    )


def _find_other_problems(
    faults: Sequence[Problem],
    parsed: ParsedDocument,
    path: Path,
    origins: Sequence[Mapping[Location, str]],
) -> Iterator[Problem]:
    """Find what else is wrong; values that could not be filled in are told already."""
    told = {fault.key for fault in faults}
    try:
        _validate_document(parsed, path, origins)
    except InvalidFdlError as error:
        yield from (fault for fault in error.problems if fault.key not in told)


def _document_region(data: Mapping[str, Any]) -> str:
    """Return the Region that the file's functions want; the first is that of all of them."""
    for entry in _function_entries(data):
        spec = entry.get("lambda") if isinstance(entry, dict) else None
        region = spec.get("region") if isinstance(spec, dict) else None
        if isinstance(region, str) and region:
            return region
    return ""


def _function_entries(data: Mapping[str, Any]) -> list[Any]:
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    return entries if isinstance(entries, list) else []


def _merge_function_layers(
    parsed: ParsedDocument, path: Path, context: LoadContext, filling: VariableSubstitution
) -> tuple[dict[str, Any], tuple[Mapping[Location, str], ...]]:
    """Lay everything around the file under and over each function.

    A document without functions stays as it is: the model tells what is wrong.
    """
    below = [_substitute_layer(layer, filling) for layer in context.lower_layers]
    entries: list[Any] = []
    origins: list[Mapping[Location, str]] = []
    for number, entry in enumerate(_function_entries(parsed.data)):
        if not isinstance(entry, dict):
            entries.append(entry)
            origins.append({})
            continue
        own = _file_layer(entry, number, parsed, path)
        values, of_values = merge_layers([*below, own, *context.upper_layers])
        entries.append(values)
        origins.append(of_values)
    if not entries:
        return parsed.data, ()
    functions = {**parsed.data["functions"], "aws": entries}
    return {**parsed.data, "functions": functions}, tuple(origins)


def _substitute_layer(layer: SettingsLayer, filling: VariableSubstitution) -> SettingsLayer:
    if not layer.is_file:
        return layer
    own = VariableSubstitution(filling.values)
    values = own.substitute(layer.values)
    filling.used_variables |= own.used_variables
    if own.problems:
        location, problem = own.problems[0]
        raise ConfigurationError(
            f"{layer.source_of(location)}: {format_location(location)}: {problem}.",
            remedy="Correct the configuration file.",
        )
    return replace(layer, values=values)


def _file_layer(
    entry: dict[str, Any], number: int, parsed: ParsedDocument, path: Path
) -> SettingsLayer:
    base: Location = ("functions", "aws", number)
    places = {
        location[len(base) :]: f"{path}:{position.line}"
        for location, position in parsed.positions.items()
        if location[: len(base)] == base
    }
    return SettingsLayer(source=str(path), values=entry, value_sources=places)


def _validate_document(
    parsed: ParsedDocument, path: Path, origins: Sequence[Mapping[Location, str]]
) -> FdlDocument:
    name = str(path) if parsed.positions else path.name
    data = parsed.data
    context = {"folder": path.parent}
    try:
        document = FdlDocument.model_validate(data, context=context)
    except ValidationError as error:
        # pydantic calls a list too short if its only entries are faulty.
        faults = [
            _add_source(convert_validation_error(detail, parsed), detail["loc"], origins, str(path))
            for detail in error.errors()
            if detail["type"] != "too_short" or not detail["input"]
        ]
        faults += _rule_problems(
            check_rules(_valid_functions(data, context), StorageProviders()), parsed
        )
        raise InvalidFdlError(name, faults) from error
    rules = check_rules(list(enumerate(document.functions.aws)), document.storage_providers)
    if faults := list(_rule_problems(rules, parsed)):
        raise InvalidFdlError(name, faults)
    return document


def _add_source(
    fault: Problem, at: Location, origins: Sequence[Mapping[Location, str]], path: str
) -> Problem:
    """Say of a value that does not stand in the file where it is from."""
    if at[:2] != ("functions", "aws") or len(at) < 4 or not isinstance(at[2], int):
        return fault
    source = value_source(at[3:], origins[at[2]]) if at[2] < len(origins) else ""
    if not source or source.startswith(path):
        return fault
    return replace(fault, message=f"{fault.message} (from: {source})")


def value_source(location: Location, origins: Mapping[Location, str]) -> str:
    """Return where the value at a location of a function is from; empty: it is a default."""
    for length in range(len(location), 0, -1):
        if (source := origins.get(location[:length])) is not None:
            return source
    size = len(location)
    return next((s for o, s in origins.items() if o[:size] == location), "")


def _valid_functions(
    data: dict[str, Any], context: dict[str, Any]
) -> list[tuple[int, AwsFunction]]:
    """Return the functions of a faulty document that have no fault of their own."""
    sound = []
    for number, entry in enumerate(_function_entries(data)):
        with contextlib.suppress(ValidationError):
            sound.append((number, AwsFunction.model_validate(entry, context=context)))
    return sound


def _file_problem(problem: str) -> Problem:
    return Problem(position=Position(), key="", message=problem)


def _rule_problems(
    found: Iterable[tuple[Location, str]], parsed: ParsedDocument
) -> Iterator[Problem]:
    for location, problem in found:
        yield Problem(
            position=parsed.position_of(location), key=format_location(location), message=problem
        )
