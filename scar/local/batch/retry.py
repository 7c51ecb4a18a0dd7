"""Whether a failed attempt is tried again. Pure; rules of SubmitJob's retryStrategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.local.batch.model import JobSpec, Outcome, Rule


def tries_again(spec: JobSpec, made: int, outcome: Outcome) -> bool:
    """Decide after ``made`` attempts, the last of which ended with ``outcome``.

    The first rule that fits decides; what fits no rule is retried.
    """
    if outcome.final or outcome.succeeded or made >= spec.attempts:
        return False
    for rule in spec.rules:
        if _fits(rule, outcome):
            return rule.retry
    return True


def _fits(rule: Rule, outcome: Outcome) -> bool:
    code = "" if outcome.exit_code is None else str(outcome.exit_code)
    return (
        _matches(rule.status_reason, outcome.status_reason)
        and _matches(rule.reason, outcome.reason)
        and _matches(rule.exit_code, code)
    )


def _matches(pattern: str, text: str) -> bool:
    """Compare whole texts; only a trailing ``*`` stands for more."""
    if not pattern:
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
