"""Read the environment variables that secret keys of ``storage_providers`` name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.fdl.problems import InvalidFdlError, Problem, format_location
from scar.fdl.values.secret_values import SECTION, SecretOrigin, find_secret_problem
from scar.fdl.yaml_document import ParsedDocument
from scar.hidden_text import HiddenText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.problems import Location

_REMEDY = (
    "Set the variables for this command, or keep the values in AWS: ${ssm:/path} or"
    " ${secretsmanager:ARN}."
)


def read_secret_variables(
    resolved: ResolvedDocument, file: Path | None, environment: Mapping[str, str]
) -> Mapping[str, HiddenText]:
    """Return the values of the variables that enabled functions need, by name.

    Raise InvalidFdlError with the line of each that is missing or cannot be stored. Commands that
    deploy nothing do not need the values.
    """
    named = dict(_named_variables(resolved))
    problems = [
        (location, problem)
        for location, name in named.items()
        if (problem := _find_problem(name, environment))
    ]
    if problems:
        raise InvalidFdlError(
            str(file or "the command line"),
            [
                Problem(
                    position=ParsedDocument({}, resolved.positions).position_of(location),
                    key=format_location(location),
                    message=message,
                )
                for location, message in problems
            ],
            _REMEDY,
        )
    return {name: HiddenText(environment[name]) for name in named.values()}


def _named_variables(resolved: ResolvedDocument) -> Iterator[tuple[Location, str]]:
    providers = resolved.document.storage_providers
    for function in resolved.document.functions.aws:
        spec = function.lambda_
        used = providers.used_by((*spec.input, *spec.output)) if function.enabled else {}
        for provider, entry in used.items():
            kind, _, name = provider.partition(".")
            for key, value in entry.secrets.items():
                if value.origin is SecretOrigin.ENVIRONMENT:
                    yield (SECTION, kind, name, key), value.name


def _find_problem(name: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name):
        state = "is empty" if name in environment else "is not set"
        return f"the environment variable {name} {state}"
    problem = find_secret_problem(environment[name])
    return problem and f"the value of the environment variable {name} {problem}"
