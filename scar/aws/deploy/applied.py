"""The digest of what a deployment has applied completely, and how long it is trusted.

A digest covers the whole desired state of a deployment: all resources of its functions, those that
they share, and the release of scar. ``applied_record`` says when it is recorded and removed. It is
also invalid once a deployment changes resources that functions share: these begin a new
``generation``, which the lock's object names.

Manual changes are not seen in it. So it is trusted for a day only, and together with
what ``quick_look`` reads (decision 0027).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import scar
from scar.aws.model.resources import SecretParameter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scar.aws.model.resources import Resource

TRUSTED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedState:
    """A deployment that was applied completely: its functions, and the digest of what it desired.

    ``time`` is S3's, of a response from before the last look at the resources; ``generation`` is
    that of the shared resources at this time.
    """

    digest: str
    time: datetime
    functions: tuple[str, ...]
    generation: str

    def is_trusted_at(self, now: datetime) -> bool:
        return timedelta() <= now - self.time <= TRUSTED_FOR


def digest_of(desired: Iterable[Resource], disabled: Iterable[str]) -> str:
    """Return the digest of a desired state; empty if it must not be recorded.

    A state with secrets has none: from the digest their values could be guessed.
    """
    resources = sorted(desired, key=lambda r: r.key)
    if any(isinstance(r, SecretParameter) for r in resources):
        return ""
    state = {
        "release": scar.__version__,
        "disabled": sorted(disabled),
        "resources": [[r.kind, dataclasses.asdict(r)] for r in resources],
    }
    text = json.dumps(state, sort_keys=True, default=_to_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def without_functions(
    applied: Iterable[AppliedState], functions: Collection[str]
) -> tuple[AppliedState, ...]:
    """Return the states that say nothing about these functions."""
    return tuple(a for a in applied if not {*a.functions} & {*functions})


def parse_applied(record: object) -> tuple[AppliedState, ...]:
    """Return the states of a record; none if another release has written it differently."""
    try:
        return tuple(
            AppliedState(
                digest=str(fields["digest"]),
                time=datetime.fromtimestamp(float(fields["time"]), UTC),
                functions=tuple(map(str, fields["functions"])),
                generation=str(fields["generation"]),
            )
            for fields in (record if isinstance(record, list) else ())
        )
    except (KeyError, OSError, OverflowError, TypeError, ValueError):
        return ()


def applied_to_json(applied: Iterable[AppliedState], now: datetime) -> list[object]:
    """Return the states for the record, without those that are not trusted any more."""
    return [
        {
            "digest": a.digest,
            "time": a.time.timestamp(),
            "functions": a.functions,
            "generation": a.generation,
        }
        for a in applied
        if a.is_trusted_at(now)
    ]


def _to_plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"no digest of {type(value).__name__}")
