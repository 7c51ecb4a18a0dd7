"""Whether a failed attempt is tried again. Pure; rules of SubmitJob's retryStrategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.local.batch.model import AttemptOutcome, JobSpec, RetryRule


def should_retry(spec: JobSpec, attempt_count: int, outcome: AttemptOutcome) -> bool:
    """Decide after ``made`` attempts, the last of which ended with ``outcome``.

    The first rule that fits decides; what fits no rule is retried.
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
    """Compare whole texts; only a trailing ``*`` stands for more."""
    if not pattern:
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
