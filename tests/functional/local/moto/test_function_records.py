"""A function's record is read from moto once, and again after each change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.local.lambda_.function_registry import MotoFunctionRegistry
from scar.local.moto.error_responses import ApiError
from tests.functional.local.moto.test_restart import IMAGE, a_function, a_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.moto.function_records import FunctionRecord
    from tests.functional.local.moto.conftest import MotoCloud

QUEUE = "arn:aws:sqs:us-east-1:123456789012:x"
NEWER = IMAGE.replace("a" * 64, "b" * 64)
# Calls with their parameters, and what shows them in the record.
CHANGES: dict[str, tuple[dict[str, Any], Callable[[FunctionRecord], object], object]] = {
    "update_function_configuration": ({"MemorySize": 1024}, lambda r: r.memory_mb, 1024),
    "update_function_code": ({"ImageUri": NEWER}, lambda r: r.image_uri, NEWER),
    "put_function_concurrency": (
        {"ReservedConcurrentExecutions": 3},
        lambda r: r.reserved_concurrency,
        3,
    ),
    "put_function_event_invoke_config": ({"MaximumRetryAttempts": 1}, lambda r: r.retries, 1),
    "put_function_recursion_config": ({"RecursiveLoop": "Allow"}, lambda r: r.allow_loop, True),
    "add_permission": (
        {
            "StatementId": "s3",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
            "SourceArn": "arn:aws:s3:::b",
        },
        lambda r: [p.principal for p in r.policy],
        ["s3.amazonaws.com"],
    ),
}


def test_an_unchanged_function_is_read_once(cloud: MotoCloud) -> None:
    arn = a_function(cloud, a_role(cloud))["FunctionArn"]
    first = cloud.moto.functions.get("f")
    registry = MotoFunctionRegistry(cloud.moto.functions)
    function = registry.get("f")
    cloud.client("lambda").get_function(FunctionName="f")
    assert cloud.moto.functions.get(arn) is first
    assert cloud.moto.functions.get("f") is first
    assert registry.get(arn) is function


@pytest.mark.parametrize("operation", sorted(CHANGES))
def test_a_change_is_seen_by_the_next_read(cloud: MotoCloud, operation: str) -> None:
    a_function(cloud, a_role(cloud))
    registry = MotoFunctionRegistry(cloud.moto.functions)
    parameters, shown, changed = CHANGES[operation]
    before, function = cloud.moto.functions.get("f"), registry.get("f")
    assert before is not None
    assert shown(before) != changed
    getattr(cloud.client("lambda"), operation)(FunctionName="f", **parameters)
    after = cloud.moto.functions.get("f")
    assert after is not None
    assert shown(after) == changed
    assert registry.get("f") is not function


def test_a_deleted_function_is_gone_and_a_new_one_has_its_own_configuration(
    cloud: MotoCloud,
) -> None:
    role = a_role(cloud)
    a_function(cloud, role)
    client = cloud.client("lambda")
    registry = MotoFunctionRegistry(cloud.moto.functions)
    client.update_function_configuration(FunctionName="f", MemorySize=1024)
    first = registry.get("f")
    assert first is not None
    client.delete_function(FunctionName="f")
    assert cloud.moto.functions.get("f") is None
    assert registry.get("f") is None
    a_function(cloud, role)
    second = registry.get("f")
    assert second is not None
    assert (first.memory_mb, second.memory_mb) == (1024, 512)


def test_a_refused_change_leaves_the_record_as_it_was(cloud: MotoCloud) -> None:
    a_function(cloud, a_role(cloud))
    before = cloud.moto.functions.get("f")
    client = cloud.client("lambda")
    cloud.refusals["UpdateFunctionConfiguration"] = ApiError(code="Refused", message="no")
    with pytest.raises(client.exceptions.ClientError):
        client.update_function_configuration(FunctionName="f", MemorySize=1024)
    assert cloud.moto.functions.get("f") == before


def test_the_state_is_asked_each_time(cloud: MotoCloud) -> None:
    a_function(cloud, a_role(cloud))
    states = iter(["Pending", "Active", "Active"])
    registry = MotoFunctionRegistry(cloud.moto.functions, lambda _name: next(states))
    found = [registry.get("f") for _ in range(3)]
    assert [f.state for f in found if f is not None] == ["Pending", "Active", "Active"]
    assert found[1] is found[2]
