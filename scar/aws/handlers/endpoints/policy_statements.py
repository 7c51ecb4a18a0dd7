"""Statements of a function's resource-based policy that its HTTP endpoint needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.model.policy_meaning import statement_meaning, statements_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import AddPermissionRequestTypeDef


def read_statements(
    lambda_: LambdaClient, function: str, ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the statements with these ids; none if the function or its policy does not exist."""
    try:
        text = lambda_.get_policy(FunctionName=function)["Policy"]
    except lambda_.exceptions.ResourceNotFoundException:
        return {}
    statements = {str(s.get("Sid", "")): s for s in statements_of(json.loads(text))}
    return {statement_id: s for statement_id, s in statements.items() if statement_id in ids}


def are_as_requested(
    found: Mapping[str, dict[str, Any]], requests: Sequence[AddPermissionRequestTypeDef]
) -> bool:
    """Return whether the statements are those that the requests would make, and no others."""
    expected = {request["StatementId"]: request for request in requests}
    return found.keys() == expected.keys() and all(
        _has_meaning_of(found[each], request) for each, request in expected.items()
    )


def set_statements(
    lambda_: LambdaClient,
    function: str,
    ids: Sequence[str],
    requests: Sequence[AddPermissionRequestTypeDef],
) -> None:
    """Make the statements with these ids those of the requests; the others stay."""
    found = read_statements(lambda_, function, ids)
    expected = {request["StatementId"]: request for request in requests}
    for statement_id, statement in found.items():
        if statement_id not in expected or not _has_meaning_of(statement, expected[statement_id]):
            _remove(lambda_, function, statement_id)
    for statement_id, request in expected.items():
        if statement_id not in found or not _has_meaning_of(found[statement_id], request):
            _add(lambda_, request)


def _add(lambda_: LambdaClient, request: AddPermissionRequestTypeDef) -> None:
    try:
        lambda_.add_permission(**request)
    except lambda_.exceptions.ResourceConflictException:
        # The response to an earlier attempt of the SDK may have been lost.
        _remove(lambda_, request["FunctionName"], request["StatementId"])
        lambda_.add_permission(**request)


def _remove(lambda_: LambdaClient, function: str, statement_id: str) -> None:
    try:
        lambda_.remove_permission(FunctionName=function, StatementId=statement_id)
    except ClientError as error:
        if errors.error_code(error) != "ResourceNotFoundException":
            raise


def _has_meaning_of(statement: Mapping[str, Any], request: AddPermissionRequestTypeDef) -> bool:
    written = {key: value for key, value in statement.items() if key != "Resource"}
    return statement_meaning(written) == statement_meaning(_expected_statement(request))


def _expected_statement(request: AddPermissionRequestTypeDef) -> dict[str, object]:
    """Return the statement that Lambda makes of AddPermission, without the function's ARN."""
    principal = request["Principal"]
    conditions: dict[str, dict[str, object]] = {}
    if source := request.get("SourceArn"):
        conditions["ArnLike"] = {"aws:SourceArn": source}
    if auth_type := request.get("FunctionUrlAuthType"):
        conditions["StringEquals"] = {"lambda:FunctionUrlAuthType": auth_type}
    if request.get("InvokedViaFunctionUrl"):
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    return {
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"Service": principal},
        "Action": request["Action"],
        "Condition": conditions,
    }
