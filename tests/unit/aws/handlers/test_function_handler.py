"""The function handler: parsing Lambda's responses, and waiting while a function is updated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.functions import FunctionHandler
from scar.aws.model.resources import LambdaFunction
from scar.errors import OperationRefusedError

CROP = LambdaFunction(name="crop")


class Conflict(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ResourceConflictException"}}, "DeleteFunction")


class Absent(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ResourceNotFoundException"}}, "DeleteFunction")


@dataclass
class FakeLambda:
    """A client for one function; deleting it is a conflict until ``states`` are used up."""

    fields: dict[str, Any] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    deleted: int = 0
    recursive_loop: str | Exception = "Terminate"
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            ResourceConflictException=Conflict, ResourceNotFoundException=Absent
        )
    )

    def get_function(self, **_: object) -> dict[str, Any]:
        state = self.states.pop(0) if self.states else "Active"
        configuration = {
            "FunctionName": "crop",
            "Role": "r",
            "MemorySize": 512,
            "Timeout": 300,
            "State": state,
            **self.fields,
        }
        return {"Configuration": configuration, "Code": {}, "Tags": {"scar:function": "crop"}}

    def get_function_recursion_config(self, **_: object) -> dict[str, str]:
        if isinstance(self.recursive_loop, Exception):
            raise self.recursive_loop
        return {"RecursiveLoop": self.recursive_loop}

    def put_function_recursion_config(self, **request: str) -> None:
        if isinstance(self.recursive_loop, Exception):
            raise self.recursive_loop
        self.recursive_loop = request["RecursiveLoop"]

    def delete_function(self, **_: object) -> None:
        if self.states:
            raise Conflict
        self.deleted += 1


def handler(client: FakeLambda) -> FunctionHandler:
    patience = Waiter(timeout=9, sleep=lambda _: None, clock=iter(range(99)).__next__)
    return FunctionHandler(client, patience)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("logging", "group"),
    [
        ({}, "/aws/lambda/crop"),
        ({"LogFormat": "Text", "LogGroup": "elsewhere"}, "elsewhere"),
        ({"LogFormat": "JSON", "LogGroup": "/aws/lambda/crop"}, "JSON"),
    ],
)
def test_lines_in_another_group_or_format_are_a_difference(
    logging: dict[str, str], group: str
) -> None:
    found = handler(FakeLambda({"LoggingConfig": logging})).read(CROP)
    assert found is not None
    assert found.log_group == group


@pytest.mark.parametrize("states", [[], ["Pending", "Pending"], ["Pending", "Failed"]])
def test_a_pending_function_is_deleted_once_it_is_active(states: list[str]) -> None:
    client = FakeLambda(states=states)
    handler(client).delete(CROP)
    assert client.deleted == 1


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "FunctionRecursionConfig")


LOOPING = LambdaFunction(name="crop", allow_loop=True)
NOT_SUPPORTED = (refused("404"), refused("UnknownOperationException"), refused("NotImplemented"))


@pytest.mark.parametrize(("setting", "allowed"), [("Allow", True), ("Terminate", False)])
def test_the_recursion_configuration_is_read(setting: str, allowed: bool) -> None:
    found = handler(FakeLambda(recursive_loop=setting)).read(LOOPING)
    assert found is not None
    assert found.allow_loop is allowed


@pytest.mark.parametrize("error", NOT_SUPPORTED)
@pytest.mark.parametrize("desired", [CROP, LOOPING])
def test_where_lambda_detects_no_loops_the_setting_is_no_difference(
    error: ClientError, desired: LambdaFunction
) -> None:
    client = FakeLambda(recursive_loop=error)
    found = handler(client).read(desired)
    assert found is not None
    assert found.allow_loop is desired.allow_loop
    handler(client).update(replace(desired, allow_loop=not desired.allow_loop), desired)


def test_a_caller_who_may_not_read_the_setting_can_deploy_functions_without_loops() -> None:
    client = FakeLambda(recursive_loop=refused("AccessDeniedException"))
    found = handler(client).read(CROP)
    assert found is not None
    assert found.allow_loop is CROP.allow_loop
    looping = handler(client).read(LOOPING)
    assert looping is not None
    with pytest.raises(ClientError, match="AccessDenied"):
        handler(client).update(looping, replace(looping, allow_loop=True))


def test_another_error_of_the_setting_is_raised() -> None:
    with pytest.raises(ClientError, match="TooManyRequests"):
        handler(FakeLambda(recursive_loop=refused("TooManyRequestsException"))).read(CROP)


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_only_the_setting_is_changed_if_only_it_differs(before: bool, after: bool) -> None:
    client = FakeLambda()  # it has no other operations that update
    observed = replace(CROP, allow_loop=before)
    handler(client).update(observed, replace(observed, allow_loop=after))
    assert client.recursive_loop == ("Allow" if after else "Terminate")


def test_hidden_tags_are_a_missing_permission_and_not_another_owner() -> None:
    class HiddenTags(FakeLambda):
        def get_function(self, **_: object) -> dict[str, Any]:
            response = super().get_function()
            denied = {"ErrorCode": "AccessDenied", "Message": "not authorized: lambda:ListTags"}
            return {**response, "Tags": {}, "TagsError": denied}

    with pytest.raises(OperationRefusedError, match="AccessDenied: not authorized") as caught:
        handler(HiddenTags()).read(CROP)
    assert not isinstance(caught.value, UnmanagedResourceError)
    assert "lambda:ListTags" in caught.value.remedy


def test_a_function_without_scar_s_tag_is_not_managed_by_scar() -> None:
    class Untagged(FakeLambda):
        def get_function(self, **_: object) -> dict[str, Any]:
            return {**super().get_function(), "Tags": {"team": "imaging"}}

    with pytest.raises(UnmanagedResourceError):
        handler(Untagged()).read(CROP)
