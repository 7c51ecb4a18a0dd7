"""What several of Batch's rules use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_structures,
    get_text,
    json_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.limits import Limit

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def check_retry_and_timeout(parameters: Parameters) -> Iterator[RuleViolation]:
    """The retry strategy and the timeout, of a job definition or a job."""
    seconds = get_number(get_structure(parameters, "timeout"), "attemptDurationSeconds")
    if seconds is not None and not limits.BATCH_ATTEMPT_SECONDS.allows(seconds):
        yield client_exception("attemptDurationSeconds must be at least 60 seconds.")
    retry = get_structure(parameters, "retryStrategy")
    attempts = get_number(retry, "attempts")
    if attempts is not None and not limits.BATCH_ATTEMPTS.allows(attempts):
        yield client_exception("attempts must be between 1 and 10.")
    if not limits.BATCH_EXIT_RULES.allows(len(get_structures(retry, "evaluateOnExit"))):
        yield client_exception("evaluateOnExit must have at most 5 rules.")


def check_variables(environment: tuple[Parameters, ...]) -> Iterator[RuleViolation]:
    for variable in environment:
        name = str(variable.get("name", ""))
        if name.startswith("AWS_BATCH"):
            yield client_exception(f"Environment variables must not start with AWS_BATCH: {name}.")


def check_name(parameters: Parameters, where: str) -> Iterator[RuleViolation]:
    name = get_text(parameters, where)
    if name is not None and not NAME.fullmatch(name):
        yield client_exception(f"{where} {name!r} must match {NAME.pattern}.")


def check_size(parameters: Parameters, limit: Limit, what: str) -> Iterator[RuleViolation]:
    actual = json_size(dict(parameters))
    if not limit.allows(actual):
        yield client_exception(
            f"{what} size must be less than {limit.maximum // limits.KIB} KiB,"
            f" got {-(-actual // limits.KIB)} KiB"
        )


def client_exception(sentence: str) -> RuleViolation:
    return RuleViolation("ClientException", f"Error executing request, Exception : {sentence}")
