"""Load an FDL file: parse, substitute, merge layers, validate; report problems together."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from scar.errors import ConfigurationError
from scar.fdl.layers import COMMAND_LINE, SettingsLayer, merge_layers
from scar.fdl.model import AwsFunction, FdlDocument, StorageProviders
from scar.fdl.notes import (
    describe_disabled_parts,
    describe_quotas,
    describe_unused_key,
    find_unused_values,
    sets_batch,
    without_unused_keys,
)
from scar.fdl.problems import (
    CHECK_PATH,
    KEYS_ARE_EXPLAINED,
    NO_POSITION,
    InvalidFdlError,
    Location,
    Position,
    Problem,
    format_location,
)
from scar.fdl.rules import check_rules
from scar.fdl.rules.endpoints import describe_endpoints
from scar.fdl.validation_errors import convert_validation_error
from scar.fdl.value_sources import add_source
from scar.fdl.variables import TemplateVariables, VariableSubstitution
from scar.fdl.yaml_document import (
    DocumentSyntaxError,
    ParsedDocument,
    parse_document,
    read_document_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """Layers below and above the file, in order of increasing precedence, and variables."""

    lower_layers: tuple[SettingsLayer, ...] = ()
    upper_layers: tuple[SettingsLayer, ...] = ()
    variables: TemplateVariables = field(default_factory=TemplateVariables)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedDocument:
    """A valid document, the sources of its values, and the variables in it.

    ``origins`` has a mapping for each function, in order; values that are missing in it are
    defaults. ``assumed_variables`` are used ones whose values are not known yet
    (``variables.ASSUMED_VALUES``). ``notes`` name the keys that have no effect, for the user.
    ``positions`` are those of the file's keys.
    """

    document: FdlDocument
    origins: tuple[Mapping[Location, str], ...]
    used_variables: frozenset[str] = frozenset()
    assumed_variables: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    positions: Mapping[Location, Position] = field(default_factory=dict)

    def problem_at(self, number: int, location: Location, message: str, path: Path) -> Problem:
        """Return a problem of a value of a function, with its place in the file or its source."""
        location = ("functions", "aws", number, *location)
        problem = Problem(
            position=ParsedDocument({}, self.positions).position_of(location),
            key=format_location(location),
            message=message,
        )
        return add_source(problem, location, self.origins, str(path))


def load_document(path: Path, overrides: Mapping[str, Any] | None = None) -> FdlDocument:
    """Load the file; ``overrides`` take precedence over the values of every function.

    Raise InvalidFdlError with all problems, also if the file cannot be read.
    """
    layer = SettingsLayer(source=COMMAND_LINE, values=overrides or {})
    return resolve_file(path, LoadContext(upper_layers=(layer,))).document


def resolve_file(path: Path, context: LoadContext) -> ResolvedDocument:
    """Load the file with its context; raise InvalidFdlError like ``load_document``."""
    try:
        parsed = parse_document(read_document_text(path))
    except DocumentSyntaxError as error:
        is_unreadable = isinstance(error.__cause__, OSError)
        remedy = CHECK_PATH if is_unreadable else KEYS_ARE_EXPLAINED
        raise InvalidFdlError(str(path), error.problems, remedy) from error
    return _resolve_document(parsed, path, context)


def resolve_values(folder: Path, context: LoadContext) -> ResolvedDocument:
    """Build a document of one function from the context alone, without a file."""
    parsed = ParsedDocument({"functions": {"aws": [{}]}}, {(): NO_POSITION})
    return _resolve_document(parsed, folder / f"the {COMMAND_LINE}", context)


def _resolve_document(parsed: ParsedDocument, path: Path, context: LoadContext) -> ResolvedDocument:
    # The Region is read from the unsubstituted data: it is the value of ${region}.
    substitution = VariableSubstitution(
        context.variables.values_for_region(_document_region(parsed.data))
    )
    data = substitution.substitute(parsed.data)
    # Not raised yet: the file's other problems are reported together with these.
    problems = list(_located_problems(substitution.problems, parsed))
    substituted = ParsedDocument(data, parsed.positions)
    data, origins, notes = _merge_function_layers(substituted, path, context, substitution)
    merged = ParsedDocument(data, parsed.positions)
    if problems:
        raise InvalidFdlError(
            str(path), [*problems, *_find_other_problems(problems, merged, path, origins)]
        )
    document = _validate_document(merged, path, origins)
    return ResolvedDocument(
        document=document,
        origins=origins,
        notes=(
            *notes,
            *find_unused_values(document, origins, _lines_of(parsed, path), str(path)),
            *describe_disabled_parts(document),
            *describe_quotas(document),
            *describe_endpoints(document),
        ),
        used_variables=frozenset(substitution.used_variables),
        assumed_variables=substitution.assumed_variables,
        positions=parsed.positions,
    )


def _find_other_problems(
    reported: Sequence[Problem],
    parsed: ParsedDocument,
    path: Path,
    origins: Sequence[Mapping[Location, str]],
) -> Iterator[Problem]:
    """Yield the document's other problems: those of keys without a reported problem.

    A value with an unknown variable may be invalid only because it was not substituted.
    """
    keys = {problem.key for problem in reported}
    try:
        _validate_document(parsed, path, origins)
    except InvalidFdlError as error:
        yield from (problem for problem in error.problems if problem.key not in keys)


def _document_region(data: Mapping[str, Any]) -> str:
    """Return the Region in the file; the first one applies to all functions."""
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
    parsed: ParsedDocument,
    path: Path,
    context: LoadContext,
    substitution: VariableSubstitution,
) -> tuple[dict[str, Any], tuple[Mapping[Location, str], ...], list[str]]:
    """Merge the layers below and above the file into each function.

    Return the data, the sources of values, and notes about keys of SCAR without effect. A document
    without functions is returned unchanged: validation reports what is wrong.
    """
    lower = [_substitute_layer(layer, substitution) for layer in context.lower_layers]
    entries: list[Any] = []
    origins: list[Mapping[Location, str]] = []
    notes: list[str] = []
    for number, entry in enumerate(_function_entries(parsed.data)):
        if not isinstance(entry, dict):
            entries.append(entry)
            origins.append({})
            continue
        file_layer = _file_layer(entry, number, parsed, path)
        used, unused = without_unused_keys(entry)
        notes += [describe_unused_key(at, file_layer.source_of(at)) for at in unused]
        file_layer = replace(file_layer, values=used)
        values, sources = merge_layers([*lower, file_layer, *context.upper_layers])
        entries.append(values)
        origins.append(sources)
    if not entries:
        return parsed.data, (), []
    functions = {**parsed.data["functions"], "aws": entries}
    return {**parsed.data, "functions": functions}, tuple(origins), notes


def _substitute_layer(layer: SettingsLayer, document: VariableSubstitution) -> SettingsLayer:
    """Return the layer with variables substituted; record them as used in the document's.

    A problem in a configuration file is a ConfigurationError: it is not the FDL file's.
    """
    if not layer.is_file:
        return layer
    substitution = VariableSubstitution(document.values)
    values = substitution.substitute(layer.values)
    document.used_variables |= substitution.used_variables
    if substitution.problems:
        location, problem = substitution.problems[0]
        raise ConfigurationError(
            f"{layer.source_of(location)}: {format_location(location)}: {problem}.",
            remedy="Correct the configuration file.",
        )
    return replace(layer, values=values)


def _file_layer(
    entry: dict[str, Any], number: int, parsed: ParsedDocument, path: Path
) -> SettingsLayer:
    base: Location = ("functions", "aws", number)
    sources = {
        location[len(base) :]: line
        for location, line in _lines_of(parsed, path).items()
        if location[: len(base)] == base
    }
    return SettingsLayer(source=str(path), values=entry, value_sources=sources)


def _lines_of(parsed: ParsedDocument, path: Path) -> dict[Location, str]:
    return {location: f"{path}:{position.line}" for location, position in parsed.positions.items()}


def _validate_document(
    parsed: ParsedDocument, path: Path, origins: Sequence[Mapping[Location, str]]
) -> FdlDocument:
    has_file = parsed.position_of(()) != NO_POSITION
    name = str(path) if has_file and parsed.positions else path.name
    data = parsed.data
    context = {"folder": path.parent}
    with_batch = frozenset(
        number for number, sources in enumerate(origins) if sets_batch(sources, str(path))
    )
    try:
        document = FdlDocument.model_validate(data, context=context)
    except ValidationError as error:
        # pydantic also reports a list as too short if all its entries are invalid: left out.
        problems = [
            add_source(convert_validation_error(detail, parsed), detail["loc"], origins, str(path))
            for detail in error.errors()
            if detail["type"] != "too_short" or not detail["input"]
        ]
        # The rules are checked for the valid functions: as many problems as possible at once.
        problems += _located_problems(
            check_rules(_valid_functions(data, context), StorageProviders(), with_batch), parsed
        )
        raise InvalidFdlError(name, problems) from error
    functions = list(enumerate(document.functions.aws))
    broken_rules = list(check_rules(functions, document.storage_providers, with_batch))
    problems = [
        add_source(problem, location, origins, str(path))
        for (location, _), problem in zip(
            broken_rules, _located_problems(broken_rules, parsed), strict=True
        )
    ]
    if problems:
        raise InvalidFdlError(name, problems)
    return document


def _valid_functions(
    data: dict[str, Any], context: dict[str, Any]
) -> list[tuple[int, AwsFunction]]:
    """Return the valid functions of an invalid document, with their number in the file."""
    valid = []
    for number, entry in enumerate(_function_entries(data)):
        with contextlib.suppress(ValidationError):
            valid.append((number, AwsFunction.model_validate(entry, context=context)))
    return valid


def _located_problems(
    messages: Iterable[tuple[Location, str]], parsed: ParsedDocument
) -> Iterator[Problem]:
    for location, message in messages:
        yield Problem(
            position=parsed.position_of(location), key=format_location(location), message=message
        )
