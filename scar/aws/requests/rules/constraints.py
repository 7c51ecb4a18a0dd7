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
class Violation:
    """What AWS would answer: its error code, its words, the HTTP status."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def part(parameters: Parameters, *path: str) -> Parameters:
    """Return a nested structure, empty if it is not there."""
    found: object = parameters
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(parameters: Parameters, name: str) -> str | None:
    found = parameters.get(name)
    return found if isinstance(found, str) else None


def number(parameters: Parameters, name: str) -> int | float | None:
    found = parameters.get(name)
    return found if isinstance(found, int | float) else None


def items(parameters: Parameters, name: str) -> tuple[Parameters, ...]:
    """Return a list of structures, empty if it is not there."""
    found = parameters.get(name)
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        return ()
    return tuple(item for item in found if isinstance(item, Mapping))


def size(value: object) -> int:
    """Measure as AWS does: bytes of compact JSON."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_odd).encode())


def outside(value: float | None, limit: Limit, where: str) -> Iterator[Violation]:
    """Check a number as all of AWS's request validation does, in its words."""
    if value is None or limit.allows(value):
        return
    bound = (
        f"greater than or equal to {limit.least}"
        if value < limit.least
        else f"less than or equal to {limit.most}"
    )
    yield _constraint(value, where, f"Member must have value {bound}")


def too_long(value: str | None, limit: Limit, where: str) -> Iterator[Violation]:
    """Check a text's length, in the words of AWS's request validation."""
    if value is None or limit.allows(len(value)):
        return
    bound = (
        f"greater than or equal to {limit.least}"
        if len(value) < limit.least
        else f"less than or equal to {limit.most}"
    )
    yield _constraint(value, where, f"Member must have length {bound}")


def unlisted(value: str | None, allowed: Sequence[str], where: str) -> Iterator[Violation]:
    """Check an enumeration, in the words of AWS's request validation."""
    if value is not None and value not in allowed:
        listed = ", ".join(allowed)
        yield _constraint(value, where, f"Member must satisfy enum value set: [{listed}]")


def mismatch(value: str | None, pattern: str, where: str) -> Violation:
    return _constraint(value, where, f"Member must satisfy regular expression pattern: {pattern}")


def _constraint(value: object, where: str, must: str) -> Violation:
    return Violation(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy"
        f" constraint: {must}",
    )


def _odd(value: object) -> NoReturn:
    raise TypeError(f"not JSON: {type(value).__name__}")
