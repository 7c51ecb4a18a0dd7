"""Validate a document: the model, then the rules, also for the valid parts of a faulty one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from scar.fdl.model import FdlDocument
from scar.fdl.notes import sets_batch
from scar.fdl.problems import NO_POSITION, InvalidFdlError, Location, Problem, format_location
from scar.fdl.rules import check_rules
from scar.fdl.rules.providers import check_used_stores
from scar.fdl.rules.secret_variables import (
    find_missing_variables,
    named_stores,
    remedy_of,
)
from scar.fdl.validation.errors import clean_location, convert_validation_error
from scar.fdl.validation.partial import ValidParts
from scar.fdl.value_sources import add_source
from scar.fdl.values.ca_bundles import READS_CERTIFICATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from scar.fdl.yaml_document import ParsedDocument


def validate_document(
    parsed: ParsedDocument,
    path: Path,
    origins: Sequence[Mapping[Location, str]],
    reported: Sequence[Problem] = (),
    secret_environment: Mapping[str, str] | None = None,
    *,
    reads_certificates: bool = True,
) -> FdlDocument:
    """Return the document; raise InvalidFdlError with all its problems and the reported ones.

    A key with a reported problem gets no other: a value with an unknown variable, for instance, may
    be invalid only because it was not substituted. ``secret_environment`` must have the variables
    of ``${env:NAME}``, unless it is None. Without ``reads_certificates``, files with certificates
    of stores may be missing.
    """
    validation = _Validation(
        parsed=parsed,
        path=path,
        origins=origins,
        stores=_faulty_stores(reported),
        environment=secret_environment,
        context={"folder": path.parent, READS_CERTIFICATES: reads_certificates},
    )
    document, problems = validation.find_problems()
    keys = {problem.key for problem in reported}
    problems = [*reported, *(problem for problem in problems if problem.key not in keys)]
    if problems or document is None:
        has_file = parsed.position_of(()) != NO_POSITION
        name = str(path) if has_file and parsed.positions else path.name
        raise InvalidFdlError(name, problems, remedy_of(problems))
    return document


def _faulty_stores(reported: Sequence[Problem]) -> dict[Location, Problem]:
    """Return the reported problems of stores, which folders may name."""
    keys = ((tuple(problem.key.split(".")), problem) for problem in reported)
    return {location: problem for location, problem in keys if location[0] == "storage_providers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Validation:
    """One document; ``stores`` are the problems of stores that are known already."""

    parsed: ParsedDocument
    path: Path
    origins: Sequence[Mapping[Location, str]]
    stores: dict[Location, Problem]
    environment: Mapping[str, str] | None
    context: dict[str, object]

    def find_problems(self) -> tuple[FdlDocument | None, list[Problem]]:
        """Return the document, None if the model refuses it, and all problems."""
        parsed, context = self.parsed, self.context
        try:
            document = FdlDocument.model_validate(parsed.data, context=context)
        except ValidationError as error:
            # pydantic also reports a list as too short if all its entries are invalid: left out.
            details = [d for d in error.errors() if d["type"] != "too_short" or not d["input"]]
            faults = [
                (clean_location(detail["loc"]), convert_validation_error(detail, parsed))
                for detail in details
            ]
            problems = [add_source(p, at, self.origins, str(self.path)) for at, p in faults]
            parts = ValidParts.of(parsed.data, {**self.stores, **dict(faults)}, context)
            return None, [*problems, *self._find_broken_rules(parts)]
        parts = ValidParts(
            functions=list(enumerate(document.functions.aws)),
            providers=document.storage_providers,
            faults=self.stores,
        )
        return document, self._find_broken_rules(parts)

    def _find_broken_rules(self, parts: ValidParts) -> list[Problem]:
        with_batch = frozenset(
            number
            for number, sources in enumerate(self.origins)
            if sets_batch(sources, str(self.path))
        )
        data = self.parsed.data
        found = [
            *check_rules(parts.functions, parts.providers, with_batch),
            *check_used_stores(parts.providers, named_stores(data)),
        ]
        broken = list(parts.without_consequences(found))
        if self.environment is not None:
            broken += find_missing_variables(data, parts.providers, self.environment)
        return [
            add_source(problem, at, self.origins, str(self.path))
            for (at, _), problem in zip(broken, locate_problems(broken, self.parsed), strict=True)
        ]


def locate_problems(
    messages: Iterable[tuple[Location, str]], parsed: ParsedDocument
) -> Iterator[Problem]:
    """Yield each problem with its position in the file."""
    for location, message in messages:
        yield Problem(
            position=parsed.position_of(location), key=format_location(location), message=message
        )
