"""Load an FDL file: parse, substitute, merge layers, validate; report problems together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from scar.errors import ConfigurationError
from scar.fdl.layers import COMMAND_LINE, SettingsLayer, merge_layers
from scar.fdl.notes import (
    describe_disabled_parts,
    describe_quotas,
    describe_scripts_of_images,
    describe_unused_key,
    find_unused_values,
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
from scar.fdl.rules.endpoints import describe_endpoints
from scar.fdl.rules.provider_notes import provider_notes
from scar.fdl.scar_words import file_words, table
from scar.fdl.scar_words.entries import read_entry
from scar.fdl.scar_words.service_places import find_other_places
from scar.fdl.validation import locate_problems, validate_document
from scar.fdl.value_sources import add_source
from scar.fdl.variables import TemplateVariables, VariableSubstitution
from scar.fdl.yaml_document import (
    DocumentSyntaxError,
    ParsedDocument,
    parse_document,
    read_document_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.fdl.model import FdlDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext:
    """Layers below and above the file, in order of increasing precedence, and variables.

    ``secret_environment`` has the variables of ``${env:NAME}`` for a command that needs them, and
    is None for another: their absence is then no problem. ``reads_certificates`` is False for a
    command that does not need those of stores: their files may then be missing.
    """

    lower_layers: tuple[SettingsLayer, ...] = ()
    upper_layers: tuple[SettingsLayer, ...] = ()
    variables: TemplateVariables = field(default_factory=TemplateVariables)
    secret_environment: Mapping[str, str] | None = None
    reads_certificates: bool = True


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
    problems = list(locate_problems(substitution.problems, parsed))
    words = file_words.read_words(data)
    problems += locate_problems(words.problems, parsed)
    lines = _lines_of(parsed, path)
    notes = [
        describe_unused_key(at, lines.get(at, ""), file_words.reason_of(at)) for at in words.unused
    ]
    merged = _merge_function_layers(
        ParsedDocument(words.data, parsed.positions), path, context, substitution
    )
    document = validate_document(
        ParsedDocument(merged.data, parsed.positions),
        path,
        merged.origins,
        (*problems, *merged.problems),
        context.secret_environment,
        reads_certificates=context.reads_certificates,
    )
    return ResolvedDocument(
        document=document,
        origins=merged.origins,
        notes=(
            *notes,
            *merged.notes,
            *find_unused_values(document, merged.origins, str(path)),
            *provider_notes(document, lines),
            *describe_disabled_parts(document),
            *describe_quotas(document),
            *describe_scripts_of_images(document),
            *describe_endpoints(document),
        ),
        used_variables=frozenset(substitution.used_variables),
        assumed_variables=substitution.assumed_variables,
        positions=parsed.positions,
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merged:
    """A document with the values of all layers, and what was found in its functions."""

    data: dict[str, Any]
    origins: tuple[Mapping[Location, str], ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def _merge_function_layers(
    parsed: ParsedDocument,
    path: Path,
    context: LoadContext,
    substitution: VariableSubstitution,
) -> _Merged:
    """Merge the layers below and above the file into each function, without SCAR's words.

    A document without functions is returned unchanged: validation reports what is wrong.
    """
    lower = [_substitute_layer(layer, substitution) for layer in context.lower_layers]
    variables = context.variables
    regions = {name for name in (variables.region or variables.default_region,) if name}
    entries: list[Any] = []
    origins: list[Mapping[Location, str]] = []
    notes: list[str] = []
    problems: list[tuple[Location, str]] = []
    lines = _lines_by_function(parsed, path)
    for number, entry in enumerate(_function_entries(parsed.data)):
        if not isinstance(entry, dict):
            entries.append(entry)
            origins.append({})
            continue
        file_layer = SettingsLayer(
            source=str(path), values=entry, value_sources=lines.get(number, {})
        )
        words = read_entry(entry)
        notes += [
            describe_unused_key(at, file_layer.source_of(at), table.reason_of(at))
            for at in words.unused
        ]
        file_layer = replace(file_layer, values=words.values)
        values, sources = merge_layers([*lower, file_layer, *context.upper_layers])
        entries.append(values)
        origins.append(sources)
        places = find_other_places({**values, "s3": entry.get("s3")}, regions)
        problems += [
            (("functions", "aws", number, *at), message)
            for at, message in (*words.problems, *places)
        ]
    if not entries:
        return _Merged(data=parsed.data)
    return _Merged(
        data={**parsed.data, "functions": {**parsed.data["functions"], "aws": entries}},
        origins=tuple(origins),
        notes=tuple(notes),
        problems=tuple(
            add_source(problem, at, origins, str(path))
            for (at, _), problem in zip(problems, locate_problems(problems, parsed), strict=True)
        ),
    )


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


def _lines_by_function(parsed: ParsedDocument, path: Path) -> dict[object, dict[Location, str]]:
    """Return the lines of each function's values, by locations in the function."""
    lines: dict[object, dict[Location, str]] = {}
    for location, line in _lines_of(parsed, path).items():
        if location[:2] == ("functions", "aws") and len(location) > 2:
            lines.setdefault(location[2], {})[location[3:]] = line
    return lines


def _lines_of(parsed: ParsedDocument, path: Path) -> dict[Location, str]:
    return {location: f"{path}:{position.line}" for location, position in parsed.positions.items()}
