"""Permissions of S3 to invoke functions: statements of their resource-based policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.model import names
from scar.aws.model.policy_meaning import statement_meaning, statements_of
from scar.aws.model.resources import InvokePermission
from scar.aws.requests import lambda_requests

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_ENDPOINT_IDS = (names.API_STATEMENT_ID, *names.URL_STATEMENT_IDS)


@dataclass(frozen=True, slots=True)
class PermissionHandler:
    """Handles statements of functions' resource-based policies, which cannot be updated.

    A statement with the same id is removed first.
    """

    lambda_: LambdaClient

    def read(self, resource: InvokePermission) -> InvokePermission | None:
        permissions = self.list_permissions(resource.function)
        return next((p for p in permissions if p.name == resource.name), None)

    def create(self, resource: InvokePermission) -> None:
        try:
            self.lambda_.add_permission(**lambda_requests.add_permission_request(resource))
        except self.lambda_.exceptions.ResourceConflictException:
            self.delete(resource)
            self.lambda_.add_permission(**lambda_requests.add_permission_request(resource))

    def update(self, observed: InvokePermission, desired: InvokePermission) -> None:
        if not desired.source_arn:
            return  # an undo: a statement of another form cannot be restored, and scar's is right
        self.delete(observed)
        self.create(desired)

    def delete(self, resource: InvokePermission) -> None:
        try:
            self.lambda_.remove_permission(
                FunctionName=resource.function, StatementId=resource.statement
            )
        except ClientError as error:
            if errors.error_code(error) != "ResourceNotFoundException":
                raise

    def list_permissions(self, function: str) -> tuple[InvokePermission, ...]:
        """Return the statements of the function's policy that scar created.

        Those of its HTTP endpoint are known by their ids alone.
        """
        try:
            text = self.lambda_.get_policy(FunctionName=function)["Policy"]
        except self.lambda_.exceptions.ResourceNotFoundException:
            return ()
        return tuple(
            _parse_statement(function, statement)
            for statement in statements_of(json.loads(text))
            if str(statement.get("Sid", "")).startswith("scar-s3-")
            or statement.get("Sid") in _ENDPOINT_IDS
        )


def _parse_statement(function: str, statement: dict[str, Any]) -> InvokePermission:
    """Return a statement as a permission, without source if it is not one of scar's form.

    Lambda may write it in another form than another tool; only the meaning counts.
    """
    permission = InvokePermission(
        name=f"{function}/{statement['Sid']}",
        source_arn=_condition_value(statement, "aws:sourcearn"),
        source_account=_condition_value(statement, "aws:sourceaccount"),
    )
    written = {key: value for key, value in statement.items() if key != "Resource"}
    if statement_meaning(written) != statement_meaning(_expected_statement(permission)):
        return InvokePermission(name=permission.name)
    return permission


def _expected_statement(permission: InvokePermission) -> dict[str, object]:
    """Return the statement that Lambda makes of AddPermission, without the function's ARN."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {
            "ArnLike": {"aws:SourceArn": permission.source_arn},
            "StringEquals": {"aws:SourceAccount": permission.source_account},
        },
    }


def _condition_value(statement: dict[str, Any], key: str) -> str:
    """Return the value of a condition key, given in lower case; empty if there are several."""
    conditions = statement.get("Condition", {})
    found = [v for keys in conditions.values() for k, v in keys.items() if k.lower() == key]
    values = [each for value in found for each in (value if isinstance(value, list) else [value])]
    return str(values[0]) if len(values) == 1 else ""
