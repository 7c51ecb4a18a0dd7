"""Lambda functions from container images, and their event invoke configs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.aws.client.errors import MadeByScar4Error, UnmanagedResourceError
from scar.aws.client.waiter import Waiter
from scar.aws.handlers.function_state import is_settled
from scar.aws.handlers.recursion import read_allow_loop, set_allow_loop
from scar.aws.model import names
from scar.aws.model.resources import EventInvokeConfig, LambdaFunction
from scar.aws.model.tags import relevant_tags
from scar.aws.requests import lambda_requests
from scar.aws.requests.field_paths import read_fields
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import (
        FunctionConfigurationResponseTypeDef,
        FunctionConfigurationTypeDef,
        TagsErrorTypeDef,
    )

    _LambdaConfiguration = FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef


@dataclass(frozen=True, slots=True)
class FunctionHandler:
    """Handles Lambda functions.

    The client repeats calls that are too early for a new role, image or permission
    (``scar.aws.client.races``).
    """

    lambda_: LambdaClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: LambdaFunction) -> LambdaFunction | None:
        found = self.read_configuration(resource)
        if found is None:
            return None
        return replace(found, allow_loop=read_allow_loop(self.lambda_, resource))

    def read_configuration(self, resource: LambdaFunction) -> LambdaFunction | None:
        """Read all that GetFunction returns: the recursion configuration is the desired one."""
        try:
            response = self.lambda_.get_function(FunctionName=resource.name)
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        tags = response.get("Tags", {})
        if names.FUNCTION_TAG not in tags and (hidden := response.get("TagsError")):
            raise _hidden_tags_error(resource.name, hidden)
        if names.FUNCTION_TAG not in tags:
            if names.is_made_by_scar4(tags):
                raise MadeByScar4Error(resource.name)
            raise UnmanagedResourceError(
                f"The Lambda function {resource.name} exists and is not managed by scar.",
                remedy="Give the function another name in the FDL.",
            )
        actual = response["Configuration"]
        reserved = response.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        return LambdaFunction(
            name=actual["FunctionName"],
            role_arn=actual["Role"],
            image=response["Code"].get("ImageUri", ""),
            architecture="arm64" if "arm64" in actual.get("Architectures", []) else "x86_64",
            environment=tuple(sorted(actual.get("Environment", {}).get("Variables", {}).items())),
            tags=relevant_tags(tags, resource.tags),
            reserved_concurrency=reserved,
            subnets=tuple(sorted(actual.get("VpcConfig", {}).get("SubnetIds", []))),
            security_groups=tuple(sorted(actual.get("VpcConfig", {}).get("SecurityGroupIds", []))),
            file_systems=tuple(
                (f["Arn"], f["LocalMountPath"]) for f in actual.get("FileSystemConfigs", [])
            ),
            log_group=_read_log_group(actual),
            allow_loop=resource.allow_loop,
            **read_fields(actual, LambdaFunction),
        )

    def create(self, resource: LambdaFunction) -> None:
        def attempt() -> FunctionConfigurationResponseTypeDef:
            return self.lambda_.create_function(**lambda_requests.create_function_request(resource))

        try:
            self._send_and_wait(attempt, resource.name)
        except self.lambda_.exceptions.ResourceConflictException:
            # The function exists. The response to an earlier attempt of the SDK may have been
            # lost; ``read`` raises if the function was not created by scar.
            observed = self.read(resource)
            if observed is None:
                raise
            self.update(observed, resource)
            return
        if resource.reserved_concurrency is not None:
            self._set_concurrency(resource)
        if resource.allow_loop:
            set_allow_loop(self.lambda_, resource)

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
        if observed.allow_loop != desired.allow_loop:
            set_allow_loop(self.lambda_, desired)

    def delete(self, resource: LambdaFunction) -> None:
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            try:
                self.lambda_.delete_function(FunctionName=resource.name)
            except self.lambda_.exceptions.ResourceConflictException:
                # It is still being created or updated; the outcome does not matter.
                with contextlib.suppress(OperationRefusedError):
                    self._wait_until_settled(resource.name)
                self.lambda_.delete_function(FunctionName=resource.name)

    def _change_function(
        self, attempt: Callable[[], FunctionConfigurationResponseTypeDef], desired: LambdaFunction
    ) -> None:
        """Send an update; if an earlier one is still in progress, wait for it and try again."""
        try:
            self._send_and_wait(attempt, desired.name)
        except self.lambda_.exceptions.ResourceConflictException:
            self._wait_until_settled(desired.name)
            self._send_and_wait(attempt, desired.name)

    def _send_and_wait(
        self, attempt: Callable[[], FunctionConfigurationResponseTypeDef], function: str
    ) -> None:
        """Send a request, then wait until the function is ready."""
        if is_settled(attempt(), function) is not True:
            self._wait_until_settled(function)

    def _wait_until_settled(self, function: str) -> None:
        def has_settled() -> bool | str:
            configuration = self.lambda_.get_function(FunctionName=function)["Configuration"]
            return is_settled(configuration, function)

        self.waiter.wait_until(has_settled, f"function {function}")

    def _update_tags(self, observed: LambdaFunction, desired: LambdaFunction) -> None:
        arn = self.lambda_.get_function(FunctionName=desired.name)["Configuration"]["FunctionArn"]
        if obsolete := sorted(dict(observed.tags).keys() - dict(desired.tags).keys()):
            self.lambda_.untag_resource(Resource=arn, TagKeys=obsolete)
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
    """Handles event invoke configs: retries, maximum event age, on-failure destination.

    Lambda checks that the destination exists and that the execution role can invoke it. The client
    repeats the call while Lambda does not see them yet (``scar.aws.client.races``).
    """

    lambda_: LambdaClient

    def read(self, resource: EventInvokeConfig) -> EventInvokeConfig | None:
        try:
            response = self.lambda_.get_function_event_invoke_config(FunctionName=resource.name)
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        destination = response.get("DestinationConfig", {}).get("OnFailure", {})
        return EventInvokeConfig(
            name=resource.name,
            on_failure=destination.get("Destination", ""),
            **read_fields(response, EventInvokeConfig),
        )

    def create(self, resource: EventInvokeConfig) -> None:
        self.lambda_.put_function_event_invoke_config(
            **lambda_requests.event_invoke_request(resource)
        )

    def update(self, observed: EventInvokeConfig, desired: EventInvokeConfig) -> None:
        del observed
        self.create(desired)

    def delete(self, resource: EventInvokeConfig) -> None:
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            self.lambda_.delete_function_event_invoke_config(FunctionName=resource.name)


def _hidden_tags_error(function: str, error: TagsErrorTypeDef) -> OperationRefusedError:
    """Return the error for a function whose tags Lambda does not show to the caller.

    GetFunction succeeds without lambda:ListTags, and says why the tags are missing.
    """
    return OperationRefusedError(
        f"Cannot read the tags of the Lambda function {function}: GetFunction returned"
        f" {error.get('ErrorCode', '')}: {error.get('Message', '')}. The tags say whether it is"
        " managed by scar.",
        remedy="Allow lambda:ListTags on the function for these credentials. `scar policy` prints"
        " all required permissions.",
    )


def _has_other_configuration(observed: LambdaFunction, desired: LambdaFunction) -> bool:
    """Return whether fields differ that UpdateFunctionConfiguration sets.

    Image, architecture, tags, reserved concurrency and loops have their own API operations.
    """
    return desired != replace(
        observed,
        image=desired.image,
        architecture=desired.architecture,
        tags=desired.tags,
        reserved_concurrency=desired.reserved_concurrency,
        allow_loop=desired.allow_loop,
    )


def _read_log_group(actual: _LambdaConfiguration) -> str:
    """Return the log group, or the log format if it is not text."""
    logging = actual.get("LoggingConfig", {})
    # A wrong format thus differs from the desired log group, and the plan corrects it.
    if (log_format := logging.get("LogFormat", "Text")) != "Text":
        return log_format
    return logging.get("LogGroup") or names.lambda_log_group(actual.get("FunctionName", ""))
