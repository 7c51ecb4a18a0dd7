"""One race: an error that passes by itself, and how long to wait for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.aws.client.recent_changes import RecentChanges

    Parameters = dict[str, object]

PATIENCE = 300.0
"""Seconds to wait for a race whose cause is recent; Terraform's provider has 2 to 10 minutes."""
SHORT_PATIENCE = 60.0
"""Seconds to wait if nothing was changed by this process: another one may have done so."""


TERRAFORM = "source: hashicorp/terraform-provider-aws, internal/service/"


def words(text: str) -> frozenset[str]:
    """Return the operations or error codes that a text names."""
    return frozenset(text.split())


def pattern(*alternatives: str) -> re.Pattern[str]:
    """Return the regular expression that finds one of these in a message."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


INVALID_PARAMETER = words("InvalidParameterValueException")


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """An error that passes by itself.

    ``service`` is boto3's name; no ``operations``: all of the service, except ``excluded`` ones.
    ``message`` is searched in AWS's message. ``caused_by`` is the kind of resource
    (``Resource.kind``) whose recent change causes the error, empty if there is no such change;
    ``parameter`` is the parameter of the request that refers to it, if any does. Without a recent
    change the wait is short, or, with ``only_after_change``, there is none.
    ``state`` completes "Waiting: …" in messages, ``remedy`` is for an error that did not pass.
    """

    service: str
    operations: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    codes: frozenset[str]
    message: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    caused_by: str = ""
    parameter: str = ""
    only_after_change: bool = False
    state: str
    remedy: str
    source: str

    def matches(self, operation: str, code: str, message: str) -> bool:
        """Return whether an error response of the service is this one."""
        return (
            (operation in self.operations or not self.operations)
            and operation not in self.excluded
            and code in self.codes
            and self.message.search(message) is not None
        )

    def patience(self, parameters: Parameters, recent: RecentChanges) -> float:
        """Return how many seconds to wait for the error to pass; 0: not at all."""
        if not self.caused_by:
            return PATIENCE
        if self.parameter in parameters:
            is_recent = recent.is_any_recent_in(self.caused_by, parameters[self.parameter])
        else:
            is_recent = recent.is_recent(self.caused_by)
        if is_recent:
            return PATIENCE
        return 0.0 if self.only_after_change else SHORT_PATIENCE
