"""Permissions of S3 to invoke functions: statements of their resource-based policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.model.resources import InvokePermission
from scar.aws.requests import lambda_requests

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


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
        """Return the statements of the function's policy that scar created."""
        try:
            text = self.lambda_.get_policy(FunctionName=function)["Policy"]
        except self.lambda_.exceptions.ResourceNotFoundException:
            return ()
        return tuple(
            InvokePermission(
                name=f"{function}/{statement['Sid']}",
                source_arn=_condition_value(statement, "ArnLike", "AWS:SourceArn"),
                source_account=_condition_value(statement, "StringEquals", "AWS:SourceAccount"),
            )
            for statement in json.loads(text)["Statement"]
            if str(statement.get("Sid", "")).startswith("scar-s3-")
        )


def _condition_value(
    statement: dict[str, dict[str, dict[str, str]]], operator: str, key: str
) -> str:
    # IAM ignores the case of condition keys, and may return them in another one.
    values = statement.get("Condition", {}).get(operator, {})
    return next((v for k, v in values.items() if k.lower() == key.lower()), "")
