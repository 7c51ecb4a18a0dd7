"""Lambda functions from container images, what may invoke them, and how they fail."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.function_state import is_settled
from scar.aws.model import names
from scar.aws.model.resources import EventInvokeConfig, InvokePermission, LambdaFunction
from scar.aws.requests import lambda_requests
from scar.aws.requests.field_paths import read_fields
from scar.errors import OperationRefusedError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import (
        FunctionConfigurationResponseTypeDef,
        FunctionConfigurationTypeDef,
    )

    from scar.aws.model.resources import Pairs

    _LambdaConfiguration = FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef

_ROLE_NOT_ASSUMABLE = "cannot be assumed by Lambda"
# Lambda says so of the function's execution role, and names the destination after it.
_INVOKE_NOT_ALLOWED = "permissions to call InvokeFunction"


@dataclass(frozen=True, slots=True)
class FunctionHandler:
    """A new role takes up to half a minute until Lambda sees it: only that error is retried."""

    lambda_: LambdaClient
    waiter: Waiter = field(default_factory=Waiter)
    role_waiter: Waiter = field(
        default_factory=lambda: Waiter(timeout=60, first_delay=1, max_delay=8)
    )

    def read(self, resource: LambdaFunction) -> LambdaFunction | None:
        try:
            found = self.lambda_.get_function(FunctionName=resource.name)
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        if names.FUNCTION_TAG not in found.get("Tags", {}):
            raise UnmanagedResourceError(
                f"A function {resource.name} exists that scar did not make.",
                remedy="Give the function another name in the FDL.",
            )
        actual = found["Configuration"]
        reserved = found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        return LambdaFunction(
            name=actual["FunctionName"],
            role_arn=actual["Role"],
            image=found["Code"].get("ImageUri", ""),
            architecture="arm64" if "arm64" in actual.get("Architectures", []) else "x86_64",
            environment=tuple(sorted(actual.get("Environment", {}).get("Variables", {}).items())),
            tags=_relevant_tags(found.get("Tags", {}), resource),
            reserved_concurrency=reserved,
            subnets=tuple(sorted(actual.get("VpcConfig", {}).get("SubnetIds", []))),
            security_groups=tuple(sorted(actual.get("VpcConfig", {}).get("SecurityGroupIds", []))),
            file_systems=tuple(
                (f["Arn"], f["LocalMountPath"]) for f in actual.get("FileSystemConfigs", [])
            ),
            log_group=_read_log_group(actual),
            **read_fields(actual, LambdaFunction),
        )

    def create(self, resource: LambdaFunction) -> None:
        def attempt() -> FunctionConfigurationResponseTypeDef:
            return self.lambda_.create_function(**lambda_requests.create_function_request(resource))

        try:
            self._retry_until_assumable(attempt, resource)
        except self.lambda_.exceptions.ResourceConflictException:
            # The answer to a first attempt may have been lost: it is there, maybe by us.
            found = self.read(resource)
            if found is None:
                raise
            self.update(found, resource)
            return
        if resource.reserved_concurrency is not None:
            self._set_concurrency(resource)

    def update(self, observed: LambdaFunction, desired: LambdaFunction) -> None:
        def update_code() -> FunctionConfigurationResponseTypeDef:
            return self.lambda_.update_function_code(
                FunctionName=desired.name,
                ImageUri=desired.image,
                Architectures=[desired.architecture],
            )

        def update_configuration() -> FunctionConfigurationResponseTypeDef:
            return self.lambda_.update_function_configuration(
                **lambda_requests.update_function_request(observed, desired)
            )

        if (observed.image, observed.architecture) != (desired.image, desired.architecture):
            self._change_function(update_code, desired)
        if _has_other_configuration(observed, desired):
            self._change_function(update_configuration, desired)
        if observed.tags != desired.tags:
            self._update_tags(observed, desired)
        if observed.reserved_concurrency != desired.reserved_concurrency:
            self._set_concurrency(desired)

    def delete(self, resource: LambdaFunction) -> None:
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            try:
                self.lambda_.delete_function(FunctionName=resource.name)
            except self.lambda_.exceptions.ResourceConflictException:
                # It is still being made or changed; how that ends does not matter.
                with contextlib.suppress(OperationRefusedError):
                    self._wait_until_settled(resource.name)
                self.lambda_.delete_function(FunctionName=resource.name)

    def _change_function(
        self, attempt: Callable[[], FunctionConfigurationResponseTypeDef], desired: LambdaFunction
    ) -> None:
        """Change the function; wait first if a former change is still under way."""
        try:
            self._retry_until_assumable(attempt, desired)
        except self.lambda_.exceptions.ResourceConflictException:
            self._wait_until_settled(desired.name)
            self._retry_until_assumable(attempt, desired)

    def _retry_until_assumable(
        self, attempt: Callable[[], FunctionConfigurationResponseTypeDef], resource: LambdaFunction
    ) -> None:
        """Do it as soon as Lambda sees the role, and wait until it is done."""
        refusal, answers = "", []

        def succeeded() -> bool | str:
            nonlocal refusal
            try:
                answers.append(attempt())
            except self.lambda_.exceptions.InvalidParameterValueException as error:
                refusal = errors.error_message(error)
                if _ROLE_NOT_ASSUMABLE not in refusal:
                    raise
                return "Lambda does not see the new role yet"
            return True

        try:
            self.role_waiter.wait_until(succeeded, str(resource.key))
        except WaitTimeoutError as error:
            raise OperationRefusedError(
                f"Lambda cannot use the role {resource.role_arn}: {refusal}",
                remedy="Let lambda.amazonaws.com take the role in its trust policy.",
            ) from error
        if is_settled(answers[-1], resource.name) is not True:
            self._wait_until_settled(resource.name)

    def _wait_until_settled(self, function: str) -> None:
        def has_settled() -> bool | str:
            found = self.lambda_.get_function(FunctionName=function)["Configuration"]
            return is_settled(found, function)

        self.waiter.wait_until(has_settled, f"function {function}")

    def _update_tags(self, observed: LambdaFunction, desired: LambdaFunction) -> None:
        arn = self.lambda_.get_function(FunctionName=desired.name)["Configuration"]["FunctionArn"]
        if gone := sorted(dict(observed.tags).keys() - dict(desired.tags).keys()):
            self.lambda_.untag_resource(Resource=arn, TagKeys=gone)
        self.lambda_.tag_resource(Resource=arn, Tags=dict(desired.tags))

    def _set_concurrency(self, resource: LambdaFunction) -> None:
        if resource.reserved_concurrency is None:
            self.lambda_.delete_function_concurrency(FunctionName=resource.name)
        else:
            self.lambda_.put_function_concurrency(
                FunctionName=resource.name,
                ReservedConcurrentExecutions=resource.reserved_concurrency,
            )


@dataclass(frozen=True, slots=True)
class EventInvokeHandler:
    """Lambda checks that the role may invoke the destination: a new policy takes its time."""

    lambda_: LambdaClient
    role_waiter: Waiter = field(
        default_factory=lambda: Waiter(timeout=60, first_delay=1, max_delay=8)
    )

    def read(self, resource: EventInvokeConfig) -> EventInvokeConfig | None:
        try:
            found = self.lambda_.get_function_event_invoke_config(FunctionName=resource.name)
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        failure = found.get("DestinationConfig", {}).get("OnFailure", {})
        return EventInvokeConfig(
            name=resource.name,
            on_failure=failure.get("Destination", ""),
            **read_fields(found, EventInvokeConfig),
        )

    def create(self, resource: EventInvokeConfig) -> None:
        refusal = ""

        def succeeded() -> bool | str:
            nonlocal refusal
            try:
                self.lambda_.put_function_event_invoke_config(
                    **lambda_requests.event_invoke_request(resource)
                )
            except self.lambda_.exceptions.InvalidParameterValueException as error:
                refusal = errors.error_message(error)
                if _INVOKE_NOT_ALLOWED not in refusal:
                    raise
                return "Lambda does not see yet that the role may invoke the destination"
            return True

        try:
            self.role_waiter.wait_until(succeeded, str(resource.key))
        except WaitTimeoutError as error:
            raise OperationRefusedError(
                f"Lambda does not send lost events of {resource.name} to"
                f" {resource.on_failure}: {refusal}",
                remedy="Allow the function's role lambda:InvokeFunction on it.",
            ) from error

    def update(self, observed: EventInvokeConfig, desired: EventInvokeConfig) -> None:
        del observed
        self.create(desired)

    def delete(self, resource: EventInvokeConfig) -> None:
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            self.lambda_.delete_function_event_invoke_config(FunctionName=resource.name)


@dataclass(frozen=True, slots=True)
class PermissionHandler:
    """Statements cannot be changed: one of the same id is taken away first."""

    lambda_: LambdaClient

    def read(self, resource: InvokePermission) -> InvokePermission | None:
        found = self.list_permissions(resource.function)
        return next((p for p in found if p.name == resource.name), None)

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
        """List the statements of a function that are ours."""
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


def _relevant_tags(tags: Mapping[str, str], like: LambdaFunction) -> Pairs:
    """Keep scar's tags and those that are wanted; organisations put others on everything."""
    wanted = dict(like.tags).keys()
    return tuple(sorted((k, v) for k, v in tags.items() if k.startswith("scar:") or k in wanted))


def _condition_value(
    statement: dict[str, dict[str, dict[str, str]]], operator: str, key: str
) -> str:
    values = statement.get("Condition", {}).get(operator, {})
    return next((v for k, v in values.items() if k.lower() == key.lower()), "")


def _has_other_configuration(observed: LambdaFunction, desired: LambdaFunction) -> bool:
    """Compare all fields but those that have an API operation of their own."""
    return desired != replace(
        observed,
        image=desired.image,
        architecture=desired.architecture,
        tags=desired.tags,
        reserved_concurrency=desired.reserved_concurrency,
    )


def _read_log_group(actual: _LambdaConfiguration) -> str:
    """Say where plain lines go; another format is not as it shall be."""
    logging = actual.get("LoggingConfig", {})
    if (form := logging.get("LogFormat", "Text")) != "Text":
        return form
    return logging.get("LogGroup") or names.lambda_log_group(actual.get("FunctionName", ""))
