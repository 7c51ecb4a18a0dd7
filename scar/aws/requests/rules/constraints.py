"""What a check is told and what it finds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.limits import Limit

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """What AWS would answer: its error code, its words, the HTTP status."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def get_structure(parameters: Parameters, *path: str) -> Parameters:
    """Return a nested structure, empty if it is not there."""
    found: object = parameters
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def get_text(parameters: Parameters, name: str) -> str | None:
    found = parameters.get(name)
    return found if isinstance(found, str) else None


def get_number(parameters: Parameters, name: str) -> int | float | None:
    found = parameters.get(name)
    return found if isinstance(found, int | float) else None


def get_structures(parameters: Parameters, name: str) -> tuple[Parameters, ...]:
    """Return a list of structures, empty if it is not there."""
    found = parameters.get(name)
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        return ()
    return tuple(item for item in found if isinstance(item, Mapping))


def json_size(value: object) -> int:
    """Measure as AWS does: bytes of compact JSON."""
    return len(
        json.dumps(
            value, separators=(",", ":"), ensure_ascii=False, default=_reject_non_json
        ).encode()
    )


def check_range(value: float | None, limit: Limit, where: str) -> Iterator[RuleViolation]:
    """Check a number as all of AWS's request validation does, in its words."""
    if value is None or limit.allows(value):
        return
    bound = (
        f"greater than or equal to {limit.minimum}"
        if value < limit.minimum
        else f"less than or equal to {limit.maximum}"
    )
    yield _constraint_violation(value, where, f"Member must have value {bound}")


def check_length(value: str | None, limit: Limit, where: str) -> Iterator[RuleViolation]:
    """Check a text's length, in the words of AWS's request validation."""
    if value is None or limit.allows(len(value)):
        return
    bound = (
        f"greater than or equal to {limit.minimum}"
        if len(value) < limit.minimum
        else f"less than or equal to {limit.maximum}"
    )
    yield _constraint_violation(value, where, f"Member must have length {bound}")


def check_enum(value: str | None, allowed: Sequence[str], where: str) -> Iterator[RuleViolation]:
    """Check an enumeration, in the words of AWS's request validation."""
    if value is not None and value not in allowed:
        listed = ", ".join(allowed)
        yield _constraint_violation(value, where, f"Member must satisfy enum value set: [{listed}]")


def pattern_violation(value: str | None, pattern: str, where: str) -> RuleViolation:
    return _constraint_violation(
        value, where, f"Member must satisfy regular expression pattern: {pattern}"
    )


def _constraint_violation(value: object, where: str, must: str) -> RuleViolation:
    return RuleViolation(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy"
        f" constraint: {must}",
    )


def _reject_non_json(value: object) -> NoReturn:
    raise TypeError(f"not JSON: {type(value).__name__}")
