"""Function configurations in moto, as the Lambda service reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.http.regions import find_region_error
from scar.local.moto.file_system_configs import read_file_systems
from scar.local.moto.journal_keys import function_name
from scar.local.moto.loading.start import import_moto
from scar.local.moto.recursion_config import read_recursive_loop

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

_REGION = re.compile(r"^arn:[^:]*:lambda:([^:]+):")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRecord:
    """One function with all defaults applied. Memory and storage in MB, times in seconds.

    ``reserved_concurrency`` is None without a reservation. ``max_event_age`` and ``retries``
    apply to asynchronous invocations. ``on_failure`` and ``on_success`` are ARNs of destinations
    or empty. ``file_systems`` are pairs of an access point's ARN and a mount path.
    ``allow_loop``: recursive loops are not stopped. ``revision`` changes with every change of code
    or configuration.
    """

    name: str
    arn: str
    region: str
    role: str
    image_uri: str
    memory_mb: int
    timeout: int
    storage_mb: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None
    retries: int
    max_event_age: int
    on_failure: str
    on_success: str
    revision: str
    file_systems: tuple[tuple[str, str], ...] = ()
    policy: tuple[FunctionPermission, ...] = field(default=())
    allow_loop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPermission:
    """One statement of the function's resource policy: who may invoke the function.

    ``url_auth_type`` and ``via_url`` are conditions of requests to function URLs, empty without.
    """

    principal: str
    source_arn: str
    source_account: str
    action: str = ""
    url_auth_type: str = ""
    via_url: str = ""


class FunctionRecords:
    """Functions by name or ARN, read from moto once and kept until ``forget``.

    Each event and each call of a function asks for its configuration; reading it from moto costs
    more than all else that the server does to start a warm run.
    """

    def __init__(self, account: str, lock: threading.RLock, region: str = "us-east-1") -> None:
        self._account = account
        self._lock = lock
        self._region = region
        self._records: dict[tuple[str, str], FunctionRecord] = {}  # by Region and name

    def forget(self) -> None:
        """Read all functions again: moto's state may have changed. Call it under moto's lock."""
        self._records.clear()

    def get(self, name_or_arn: str, region: str = "") -> FunctionRecord | None:
        """Return the function, or None; the Region in an ARN takes precedence over ``region``.

        The same object is returned until ``forget``.
        """
        match = _REGION.match(name_or_arn)
        region = match[1] if match else region or self._region
        name = function_name(name_or_arn)
        # Without the lock: a change that is still being made was not acknowledged yet.
        return self._records.get((region, name)) or self._read(name, region)

    def _read(self, name: str, region: str) -> FunctionRecord | None:
        import_moto()
        from moto.awslambda.exceptions import UnknownFunctionException
        from moto.awslambda.models import lambda_backends

        if find_region_error(region):  # moto's table of Regions raises KeyError
            return None
        with self._lock:
            backend = lambda_backends[self._account][region]
            try:
                function = backend.get_function(name)
            except UnknownFunctionException:
                return None
            record = _function_record(function, region)
            # Under the lock, as ``forget``: a record read before a change is not kept after it.
            self._records[region, name] = record
            return record


def _function_record(function: object, region: str) -> FunctionRecord:
    from moto.awslambda.models import LambdaFunction

    assert isinstance(function, LambdaFunction)  # noqa: S101 - narrows moto's untyped return
    # moto appends every put; compat leaves one, the latest.
    settings = function.event_invoke_config[0].config if function.event_invoke_config else {}
    destinations = settings.get("DestinationConfig") or {}
    return FunctionRecord(
        name=function.function_name,
        arn=function.function_arn,
        region=region,
        role=function.role,
        image_uri=function.code.get("ImageUri", ""),
        memory_mb=int(function.memory_size),
        timeout=int(function.timeout),
        storage_mb=int(function.ephemeral_storage),
        environment=dict(function.environment_vars),
        reserved_concurrency=_optional_int(function.reserved_concurrency),
        retries=int(settings.get("MaximumRetryAttempts", 2)),
        max_event_age=int(settings.get("MaximumEventAgeInSeconds", 21_600)),
        on_failure=(destinations.get("OnFailure") or {}).get("Destination", ""),
        on_success=(destinations.get("OnSuccess") or {}).get("Destination", ""),
        file_systems=tuple(
            (str(c.get("Arn", "")), str(c.get("LocalMountPath", "")))
            for c in read_file_systems(function)
        ),
        revision=_configuration_hash(function),
        policy=_policy_permissions(function),
        allow_loop=read_recursive_loop(function) == "Allow",
    )


def _optional_int(value: object) -> int | None:
    return None if value is None else int(str(value))


def _configuration_hash(function: object) -> str:
    import hashlib
    import json

    from moto.awslambda.models import LambdaFunction

    assert isinstance(function, LambdaFunction)  # noqa: S101 - narrows moto's untyped return
    content = (
        function.code.get("ImageUri"),
        function.memory_size,
        function.timeout,
        function.ephemeral_storage,
        function.environment_vars,
        function.role,
        function.image_config.response(),
        read_file_systems(function),
    )
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _policy_permissions(function: object) -> tuple[FunctionPermission, ...]:
    from moto.awslambda.models import LambdaFunction

    assert isinstance(function, LambdaFunction)  # noqa: S101 - narrows moto's untyped return
    return tuple(_parse_permission(statement) for statement in function.policy.statements)


def _parse_permission(statement: Mapping[str, object]) -> FunctionPermission:
    principal = statement.get("Principal")
    conditions = statement.get("Condition")
    # {operator: {key: value}}; the operator (ArnLike, StringEquals) does not matter here, and
    # condition keys are not case-sensitive.
    values: dict[str, str] = {}
    for test in conditions.values() if isinstance(conditions, dict) else ():
        values.update({str(key).lower(): str(value) for key, value in test.items()})
    return FunctionPermission(
        principal=str(principal.get("Service", principal.get("AWS", "")))
        if isinstance(principal, dict)
        else str(principal),
        source_arn=values.get("aws:sourcearn", ""),
        source_account=values.get("aws:sourceaccount", ""),
        action=str(statement.get("Action", "")),
        url_auth_type=values.get("lambda:functionurlauthtype", ""),
        via_url=values.get("lambda:invokedviafunctionurl", ""),
    )
