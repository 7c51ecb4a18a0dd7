"""Lambda's rules. Sources of the numbers: ``scar.aws.model.limits``; of the words: seen answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    Violation,
    mismatch,
    number,
    outside,
    part,
    size,
    text,
    too_long,
    unlisted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"[a-zA-Z0-9-_]+"
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
# docs: "Defined runtime environment variables", those marked reserved (2026-11)
_RESERVED = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ]
)
_UNABLE = "Lambda was unable to configure your environment variables because the environment"


def create(parameters: Parameters) -> Iterator[Violation]:
    """CreateFunction and UpdateFunctionConfiguration."""
    yield from name(parameters)
    yield from outside(number(parameters, "MemorySize"), limits.LAMBDA_MEMORY, "memorySize")
    yield from outside(number(parameters, "Timeout"), limits.LAMBDA_TIMEOUT, "timeout")
    yield from outside(
        number(part(parameters, "EphemeralStorage"), "Size"),
        limits.LAMBDA_EPHEMERAL,
        "ephemeralStorage.size",
    )
    yield from too_long(text(parameters, "Description"), limits.LAMBDA_DESCRIPTION, "description")
    yield from unlisted(text(parameters, "PackageType"), ("Zip", "Image"), "packageType")
    architectures = parameters.get("Architectures")
    if isinstance(architectures, list | tuple):
        for architecture in architectures:
            yield from unlisted(str(architecture), ("x86_64", "arm64"), "architectures")
    yield from _environment(part(parameters, "Environment", "Variables"))


def name(parameters: Parameters) -> Iterator[Violation]:
    """The function's name, in any request; ARNs are left alone."""
    given = text(parameters, "FunctionName")
    if given is None or given.startswith("arn:"):
        return
    if not re.fullmatch(_NAME, given):
        yield mismatch(given, _NAME, "functionName")
    yield from too_long(given, limits.LAMBDA_NAME, "functionName")


def invoke(parameters: Parameters) -> Iterator[Violation]:
    """Invoke; ``Payload`` is bytes, text, or the number of its bytes."""
    yield from name(parameters)
    kind = text(parameters, "InvocationType") or "RequestResponse"
    yield from unlisted(kind, ("RequestResponse", "Event", "DryRun"), "invocationType")
    payload = parameters.get("Payload")
    if isinstance(payload, str):
        payload = payload.encode()
    length = len(payload) if isinstance(payload, bytes | bytearray) else payload
    if not isinstance(length, int):
        return
    limit = limits.LAMBDA_ASYNC_PAYLOAD if kind == "Event" else limits.LAMBDA_SYNC_PAYLOAD
    if not limit.allows(length):
        yield Violation(
            "RequestTooLargeException",
            f"{length} byte payload is too large for the {kind} invocation type"
            f" (limit {limit.most} bytes)",
            413,
        )


def event_invoke(parameters: Parameters) -> Iterator[Violation]:
    """PutFunctionEventInvokeConfig and UpdateFunctionEventInvokeConfig."""
    yield from name(parameters)
    yield from outside(
        number(parameters, "MaximumRetryAttempts"), limits.LAMBDA_RETRIES, "maximumRetryAttempts"
    )
    yield from outside(
        number(parameters, "MaximumEventAgeInSeconds"),
        limits.LAMBDA_EVENT_AGE,
        "maximumEventAgeInSeconds",
    )


def permission(parameters: Parameters) -> Iterator[Violation]:
    """AddPermission."""
    yield from name(parameters)
    statement = text(parameters, "StatementId")
    if statement is not None and not re.fullmatch(_NAME, statement):
        yield mismatch(statement, "([a-zA-Z0-9-_]+)", "statementId")
    yield from too_long(statement, limits.LAMBDA_STATEMENT_ID, "statementId")


def _environment(variables: Parameters) -> Iterator[Violation]:
    for variable in variables:
        if not _VARIABLE.fullmatch(variable):
            yield mismatch(
                variable, "[a-zA-Z]([a-zA-Z0-9_])+", f"environment.variables.{variable}.member"
            )
    if reserved := sorted(_RESERVED & variables.keys()):
        yield Violation(
            "InvalidParameterValueException",
            f"{_UNABLE} variables you have provided contains reserved keys that are currently"
            " not supported for modification."
            f" Reserved keys used in this request: {', '.join(reserved)}",
        )
    if not limits.LAMBDA_ENVIRONMENT.allows(size(dict(variables))):
        measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
        yield Violation(
            "InvalidParameterValueException",
            f"{_UNABLE} variables you have provided exceeded the 4KB limit."
            f" String measured: {measured}",
        )
