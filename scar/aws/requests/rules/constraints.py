"""Types of the rules, access to request parameters, and checks that all services share."""

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
    """The error that AWS would return: its code, its message, the HTTP status."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def get_structure(parameters: Parameters, *path: str) -> Parameters:
    """Return a nested structure, or an empty one."""
    value: object = parameters
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def get_text(parameters: Parameters, name: str) -> str | None:
    value = parameters.get(name)
    return value if isinstance(value, str) else None


def get_number(parameters: Parameters, name: str) -> int | float | None:
    value = parameters.get(name)
    return value if isinstance(value, int | float) else None


def get_structures(parameters: Parameters, name: str) -> tuple[Parameters, ...]:
    """Return a list of structures, or an empty one."""
    value = parameters.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def json_size(value: object) -> int:
    """Return the size as AWS measures it: bytes of compact JSON."""
    return len(
        json.dumps(
            value, separators=(",", ":"), ensure_ascii=False, default=_reject_non_json
        ).encode()
    )


def check_range(value: float | None, limit: Limit, where: str) -> Iterator[RuleViolation]:
    """Check a number; violations have the message of AWS's request validation."""
    if value is None or limit.allows(value):
        return
    bound = (
        f"greater than or equal to {limit.minimum}"
        if value < limit.minimum
        else f"less than or equal to {limit.maximum}"
    )
    yield _constraint_violation(value, where, f"Member must have value {bound}")


def check_length(value: str | None, limit: Limit, where: str) -> Iterator[RuleViolation]:
    """Check a text's length; violations have the message of AWS's request validation."""
    if value is None or limit.allows(len(value)):
        return
    bound = (
        f"greater than or equal to {limit.minimum}"
        if len(value) < limit.minimum
        else f"less than or equal to {limit.maximum}"
    )
    yield _constraint_violation(value, where, f"Member must have length {bound}")


def check_enum(value: str | None, allowed: Sequence[str], where: str) -> Iterator[RuleViolation]:
    """Check an enumeration; violations have the message of AWS's request validation."""
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
