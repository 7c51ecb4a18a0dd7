"""Lambda's rules. The messages are from observed responses."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    check_enum,
    check_length,
    check_range,
    get_number,
    get_structure,
    get_text,
    json_size,
    pattern_violation,
)
from scar.aws.requests.rules.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"[a-zA-Z0-9-_]+"
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_UNABLE_TO_CONFIGURE = (
    "Lambda was unable to configure your environment variables because the environment"
)


def check_create_function(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateFunction and UpdateFunctionConfiguration."""
    yield from check_function_name(parameters)
    yield from check_range(get_number(parameters, "MemorySize"), limits.LAMBDA_MEMORY, "memorySize")
    yield from check_range(get_number(parameters, "Timeout"), limits.LAMBDA_TIMEOUT, "timeout")
    yield from check_range(
        get_number(get_structure(parameters, "EphemeralStorage"), "Size"),
        limits.LAMBDA_EPHEMERAL,
        "ephemeralStorage.size",
    )
    yield from check_length(
        get_text(parameters, "Description"), limits.LAMBDA_DESCRIPTION, "description"
    )
    yield from check_enum(get_text(parameters, "PackageType"), ("Zip", "Image"), "packageType")
    architectures = parameters.get("Architectures")
    if isinstance(architectures, list | tuple):
        for architecture in architectures:
            yield from check_enum(str(architecture), ("x86_64", "arm64"), "architectures")
    yield from _check_environment(get_structure(parameters, "Environment", "Variables"))
    yield from check_tags(parameters, "Tags")


def check_function_name(parameters: Parameters) -> Iterator[RuleViolation]:
    """The function's name, in any request; ARNs are not checked."""
    name = get_text(parameters, "FunctionName")
    if name is None or name.startswith("arn:"):
        return
    if not re.fullmatch(_NAME, name):
        yield pattern_violation(name, _NAME, "functionName")
    yield from check_length(name, limits.LAMBDA_NAME, "functionName")


def check_invoke(parameters: Parameters) -> Iterator[RuleViolation]:
    """Invoke; ``Payload`` is bytes, text, or the number of its bytes."""
    yield from check_function_name(parameters)
    kind = get_text(parameters, "InvocationType") or "RequestResponse"
    yield from check_enum(kind, ("RequestResponse", "Event", "DryRun"), "invocationType")
    payload = parameters.get("Payload")
    if isinstance(payload, str):
        payload = payload.encode()
    length = len(payload) if isinstance(payload, bytes | bytearray) else payload
    if not isinstance(length, int):
        return
    limit = limits.LAMBDA_ASYNC_PAYLOAD if kind == "Event" else limits.LAMBDA_SYNC_PAYLOAD
    if not limit.allows(length):
        yield RuleViolation(
            "RequestTooLargeException",
            f"{length} byte payload is too large for the {kind} invocation type"
            f" (limit {limit.maximum} bytes)",
            413,
        )


def check_event_invoke_config(parameters: Parameters) -> Iterator[RuleViolation]:
    """PutFunctionEventInvokeConfig and UpdateFunctionEventInvokeConfig."""
    yield from check_function_name(parameters)
    yield from check_range(
        get_number(parameters, "MaximumRetryAttempts"),
        limits.LAMBDA_RETRIES,
        "maximumRetryAttempts",
    )
    yield from check_range(
        get_number(parameters, "MaximumEventAgeInSeconds"),
        limits.LAMBDA_EVENT_AGE,
        "maximumEventAgeInSeconds",
    )


def check_recursion_config(parameters: Parameters) -> Iterator[RuleViolation]:
    """PutFunctionRecursionConfig."""
    yield from check_function_name(parameters)
    yield from check_enum(
        get_text(parameters, "RecursiveLoop"), ("Allow", "Terminate"), "recursiveLoop"
    )


def check_add_permission(parameters: Parameters) -> Iterator[RuleViolation]:
    """AddPermission."""
    yield from check_function_name(parameters)
    statement = get_text(parameters, "StatementId")
    if statement is not None and not re.fullmatch(_NAME, statement):
        yield pattern_violation(statement, "([a-zA-Z0-9-_]+)", "statementId")
    yield from check_length(statement, limits.LAMBDA_STATEMENT_ID, "statementId")


def _check_environment(variables: Parameters) -> Iterator[RuleViolation]:
    for variable in variables:
        if not _VARIABLE.fullmatch(variable):
            yield pattern_violation(
                variable, "[a-zA-Z]([a-zA-Z0-9_])+", f"environment.variables.{variable}.member"
            )
    if reserved := sorted(limits.LAMBDA_RESERVED_VARIABLES & variables.keys()):
        yield RuleViolation(
            "InvalidParameterValueException",
            f"{_UNABLE_TO_CONFIGURE} variables you have provided contains reserved keys that are"
            " currently"
            " not supported for modification."
            f" Reserved keys used in this request: {', '.join(reserved)}",
        )
    if not limits.LAMBDA_ENVIRONMENT.allows(json_size(dict(variables))):
        measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
        yield RuleViolation(
            "InvalidParameterValueException",
            f"{_UNABLE_TO_CONFIGURE} variables you have provided exceeded the 4KB limit."
            f" String measured: {measured}",
        )
