"""Decides whether a failed attempt is retried: the rules of a job's retryStrategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.local.batch.model import AttemptOutcome, JobSpec, RetryRule


def should_retry(spec: JobSpec, attempt_count: int, outcome: AttemptOutcome) -> bool:
    """Return whether to retry after ``attempt_count`` attempts, the last with ``outcome``.

    The first matching rule decides; without a match the attempt is retried.
    """
    if outcome.is_final or outcome.is_success or attempt_count >= spec.attempts:
        return False
    for rule in spec.rules:
        if _matches_rule(rule, outcome):
            return rule.retry
    return True


def _matches_rule(rule: RetryRule, outcome: AttemptOutcome) -> bool:
    code = "" if outcome.exit_code is None else str(outcome.exit_code)
    return (
        _matches_pattern(rule.status_reason, outcome.status_reason)
        and _matches_pattern(rule.reason, outcome.reason)
        and _matches_pattern(rule.exit_code, code)
    )


def _matches_pattern(pattern: str, text: str) -> bool:
    """Compare the whole text; only a trailing ``*`` is a wildcard."""
    if not pattern:
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
