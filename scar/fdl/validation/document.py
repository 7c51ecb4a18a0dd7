"""Validate a document: the model, then the rules, also for the valid parts of a faulty one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from scar.fdl.model import FdlDocument
from scar.fdl.notes import sets_batch
from scar.fdl.problems import NO_POSITION, InvalidFdlError, Location, Problem, format_location
from scar.fdl.rules import check_rules
from scar.fdl.validation.errors import clean_location, convert_validation_error
from scar.fdl.validation.partial import ValidParts
from scar.fdl.value_sources import add_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from scar.fdl.yaml_document import ParsedDocument


def validate_document(
    parsed: ParsedDocument,
    path: Path,
    origins: Sequence[Mapping[Location, str]],
    reported: Sequence[Problem] = (),
) -> FdlDocument:
    """Return the document; raise InvalidFdlError with all its problems and the reported ones.

    A key with a reported problem gets no other: a value with an unknown variable, for instance, may
    be invalid only because it was not substituted.
    """
    document, problems = _find_problems(parsed, path, origins, _faulty_stores(reported))
    keys = {problem.key for problem in reported}
    problems = [*reported, *(problem for problem in problems if problem.key not in keys)]
    if problems or document is None:
        has_file = parsed.position_of(()) != NO_POSITION
        name = str(path) if has_file and parsed.positions else path.name
        raise InvalidFdlError(name, problems)
    return document


def _faulty_stores(reported: Sequence[Problem]) -> dict[Location, Problem]:
    """Return the reported problems of stores, which folders may name."""
    keys = ((tuple(problem.key.split(".")), problem) for problem in reported)
    return {location: problem for location, problem in keys if location[0] == "storage_providers"}


def _find_problems(
    parsed: ParsedDocument,
    path: Path,
    origins: Sequence[Mapping[Location, str]],
    stores: dict[Location, Problem],
) -> tuple[FdlDocument | None, list[Problem]]:
    context = {"folder": path.parent}
    with_batch = frozenset(
        number for number, sources in enumerate(origins) if sets_batch(sources, str(path))
    )

    def add_places(found: Iterable[tuple[Location, str]]) -> list[Problem]:
        broken = list(found)
        return [
            add_source(problem, at, origins, str(path))
            for (at, _), problem in zip(broken, locate_problems(broken, parsed), strict=True)
        ]

    try:
        document = FdlDocument.model_validate(parsed.data, context=context)
    except ValidationError as error:
        # pydantic also reports a list as too short if all its entries are invalid: left out.
        details = [d for d in error.errors() if d["type"] != "too_short" or not d["input"]]
        faults = [
            (clean_location(detail["loc"]), convert_validation_error(detail, parsed))
            for detail in details
        ]
        problems = [add_source(p, at, origins, str(path)) for at, p in faults]
        parts = ValidParts.of(parsed.data, {**stores, **dict(faults)}, context)
        broken = check_rules(parts.functions, parts.providers, with_batch)
        return None, [*problems, *add_places(parts.without_consequences(broken))]
    functions = list(enumerate(document.functions.aws))
    parts = ValidParts(functions=functions, providers=document.storage_providers, faults=stores)
    broken = check_rules(functions, document.storage_providers, with_batch)
    return document, add_places(parts.without_consequences(broken))


def locate_problems(
    messages: Iterable[tuple[Location, str]], parsed: ParsedDocument
) -> Iterator[Problem]:
    """Yield each problem with its position in the file."""
    for location, message in messages:
        yield Problem(
            position=parsed.position_of(location), key=format_location(location), message=message
        )
