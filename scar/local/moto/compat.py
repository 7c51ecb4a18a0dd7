"""Adapts calls where moto 5.2 is stricter than AWS, or does not store what AWS stores.

This module relies on moto's private attributes, found by experiment. The contract tests
(tests/functional/local/moto/test_contract.py) check each rule and fail for another moto release.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scar.local.moto.aws_policies import add_aws_policy
from scar.local.moto.batch_registry import TIME_LIMITS_ATTRIBUTE
from scar.local.moto.endpoints.permissions import complete_statement
from scar.local.moto.file_system_configs import KEY, read_file_systems, store_file_systems
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall, MotoRequest

# moto knows few instance types, and starts instances in its EC2 for minvCpus or desiredvCpus.
# The values of the request are stored afterwards (_restore_resources).
_NO_INSTANCES = {"instanceTypes": ["optimal"], "minvCpus": 0, "desiredvCpus": 0}
# The rest of what moto stores (ARN, date) belongs to the call that wrote it.
_EVENT_INVOKE_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


class MotoCompat:
    """Adapts requests before moto executes them, and moto's state and responses afterwards."""

    def __init__(self, account: str) -> None:
        self._account = account

    @contextmanager
    def placeholder_resources(self, call: MotoCall) -> Iterator[None]:
        """Create, within the block, what moto requires and AWS does not check."""
        profile = _instance_role(call)
        if call.operation != "CreateComputeEnvironment" or not profile:
            yield
            return
        with _placeholder_profile(self._account, profile):
            yield

    def adapt_request(self, call: MotoCall, request: MotoRequest) -> MotoRequest:
        """Return the request with the values that moto requires and that are optional on AWS."""
        match call.operation:
            case "CreateComputeEnvironment":
                body = json.loads(request.body)
                body.setdefault("state", "ENABLED")
                body.setdefault("serviceRole", self._batch_service_role())
                resources = body.get("computeResources") or {}
                # Fargate environments have no instances, and AWS rejects these fields for them.
                if "FARGATE" not in resources.get("type", ""):
                    resources |= _NO_INSTANCES
                return replace(request, body=json.dumps(body).encode())
            case "AttachRolePolicy":
                add_aws_policy(self._account, call.text("PolicyArn"))
                return request
            case "CreateJobQueue":
                body = {"state": "ENABLED", **json.loads(request.body)}
                return replace(request, body=json.dumps(body).encode())
            case "UpdateJobQueue" if "computeEnvironmentOrder" in call.parameters:
                # moto looks environments up by ARN only; AWS accepts names too.
                body = json.loads(request.body)
                for entry in body["computeEnvironmentOrder"]:
                    entry["computeEnvironment"] = self._environment_arn(
                        call, entry["computeEnvironment"]
                    )
                return replace(request, body=json.dumps(body).encode())
            case _:
                return request

    def adapt_response(self, call: MotoCall, response: Response) -> Response:
        """Complete moto's state and response after a successful call.

        It also runs while the journal is replayed, so state that moto drops is restored then too.
        """
        match call.operation:
            case "CreateComputeEnvironment":
                self._restore_resources(call)
            case "UpdateComputeEnvironment":
                self._update_compute_resources(call)
            case "CreateJobQueue" | "UpdateJobQueue" | "DescribeJobQueues":
                return self._keep_time_limits(call, response)
            case "RegisterJobDefinition" | "DescribeJobDefinitions":
                return self._complete_definitions(call, response)
            case "CreateFunction" | "UpdateFunctionCode" | "UpdateFunctionConfiguration":
                return self._complete_function(call, response)
            case "GetFunction" | "GetFunctionConfiguration":
                return self._add_file_systems(call, _add_resolved_image_uri(response))
            case (
                "AddPermission" | "PutFunctionEventInvokeConfig" | "UpdateFunctionEventInvokeConfig"
            ):
                return self._complete_function_setting(call, response)
            case _:
                pass
        return response

    def _batch_service_role(self) -> str:
        """Return the service-linked role, which AWS creates if the request names no role."""
        from moto.iam.models import iam_backends

        backend = iam_backends[self._account]["aws"]
        for role in backend.get_roles():
            if role.name == "AWSServiceRoleForBatch":
                return str(role.arn)
        role = backend.create_role(
            "AWSServiceRoleForBatch",
            json.dumps({"Version": "2012-10-17", "Statement": []}),
            "/aws-service-role/batch.amazonaws.com/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
            linked_service="batch.amazonaws.com",
        )
        return str(role.arn)

    def _restore_resources(self, call: MotoCall) -> None:
        """Store the resources of the request instead of _NO_INSTANCES."""
        resources = call.parameters.get("computeResources")
        environment = self._find_environment(call.text("computeEnvironmentName"), call.region)
        if isinstance(resources, dict):
            environment.compute_resources = dict(resources)

    def _update_compute_resources(self, call: MotoCall) -> None:
        """Store the new computeResources, which moto ignores."""
        resources = call.parameters.get("computeResources")
        environment = self._find_environment(call.text("computeEnvironment"), call.region)
        if isinstance(resources, dict):
            environment.compute_resources.update(resources)

    def _keep_time_limits(self, call: MotoCall, response: Response) -> Response:
        """Store and describe jobStateTimeLimitActions, which moto drops."""
        backend = self._batch_backend(call.region)
        if call.operation == "DescribeJobQueues":
            content = json.loads(_response_bytes(response))
            for queue in content.get("jobQueues", []):
                stored = backend.get_job_queue_by_name(queue["jobQueueName"])
                limits = getattr(stored, TIME_LIMITS_ATTRIBUTE, [])
                queue["jobStateTimeLimitActions"] = limits
            return _replace_json_body(response, content)
        if "jobStateTimeLimitActions" in call.parameters:  # an update may leave them unchanged
            name = call.text("jobQueueName") or call.text("jobQueue").rpartition("/")[2]
            limits = call.parameters["jobStateTimeLimitActions"]
            setattr(backend.get_job_queue_by_name(name), TIME_LIMITS_ATTRIBUTE, limits)
        return response

    def _complete_definitions(self, call: MotoCall, response: Response) -> Response:
        if call.operation == "DescribeJobDefinitions":
            return self._add_node_properties(call, response)
        self._complete_definition(call)
        return response

    def _complete_definition(self, call: MotoCall) -> None:
        """Reset what moto copies from the previous revision; on AWS each revision stands alone."""
        backend = self._batch_backend(call.region)
        definition: Any = backend.get_job_definition_by_name(call.text("jobDefinitionName"))
        parameters = call.parameters
        definition.platform_capabilities = parameters.get("platformCapabilities") or ["EC2"]
        definition.propagate_tags = parameters.get("propagateTags", False)
        definition.parameters = parameters.get("parameters") or {}
        if not parameters.get("retryStrategy"):
            definition.retry_strategy = {"attempts": 1, "evaluateOnExit": []}

    def _add_node_properties(self, call: MotoCall, response: Response) -> Response:
        """Describe nodeProperties, which moto stores but does not return."""
        backend = self._batch_backend(call.region)
        content = json.loads(_response_bytes(response))
        for revision in content.get("jobDefinitions", []):
            definition: Any = backend.get_job_definition_by_arn(revision["jobDefinitionArn"])
            if definition.type == "multinode":
                revision["nodeProperties"] = definition.node_properties
                # moto keeps that of an earlier revision of another type.
                revision.pop("containerProperties", None)
        return _replace_json_body(response, content)

    def _environment_arn(self, call: MotoCall, environment: str) -> str:
        """Return the ARN of an environment that is given by name or ARN."""
        known = self._find_environment(environment, call.region)
        return str(known.arn) if known else environment

    def _find_environment(self, name: str, region: str) -> Any:  # noqa: ANN401 - moto's own type
        return self._batch_backend(region).get_compute_environment(name)

    def _batch_backend(self, region: str) -> Any:  # noqa: ANN401 - moto's own type
        from moto.batch.models import batch_backends

        return batch_backends[self._account][region]

    def _find_function(self, call: MotoCall) -> Any:  # noqa: ANN401 - moto's own type
        from moto.awslambda.models import lambda_backends

        name = function_name(call.text("FunctionName"))
        return lambda_backends[self._account][call.region].get_function(name)

    def _complete_function(self, call: MotoCall, response: Response) -> Response:
        """Store the image's digest, and the settings that moto's updates ignore."""
        from moto.awslambda.models import ImageConfig

        function = self._find_function(call)
        store_file_systems(call, function)
        digest = str(function.code.get("ImageUri", "")).partition("@sha256:")[2]
        if digest:
            function.code_sha_256 = digest
        if call.operation == "UpdateFunctionConfiguration":
            storage = call.parameters.get("EphemeralStorage")
            if isinstance(storage, dict):
                function.ephemeral_storage = storage["Size"]
            image = call.parameters.get("ImageConfig")
            if isinstance(image, dict):
                function.image_config = ImageConfig(image)
        architectures = call.parameters.get("Architectures")
        if call.operation == "UpdateFunctionCode" and isinstance(architectures, list):
            function.architectures = architectures
        created = call.operation == "CreateFunction"
        completed = _replace_json_body(response, function.get_configuration(on_create=created))
        return self._add_file_systems(call, completed)

    def _add_file_systems(self, call: MotoCall, response: Response) -> Response:
        """Add FileSystemConfigs, which moto lacks, to the configuration in a response."""
        configs = read_file_systems(self._find_function(call))
        if not configs:
            return response
        content = json.loads(_response_bytes(response))
        content.get("Configuration", content)[KEY] = configs
        return _replace_json_body(response, content)

    def _complete_function_setting(self, call: MotoCall, response: Response) -> Response:
        if call.operation == "AddPermission":
            return complete_statement(response, self._find_function(call))
        return self._update_event_invoke_config(call, response)

    def _update_event_invoke_config(self, call: MotoCall, response: Response) -> Response:
        """Keep only the latest configuration: moto appends each one and reads the first."""
        function = self._find_function(call)
        settings = function.event_invoke_config
        newest = settings[-1]
        # An update changes only the fields that it contains; a put replaces all of them.
        if call.operation.startswith("Update") and len(settings) > 1:
            newest.config = {**settings[0].config, **newest.config}
        newest.config = {
            key: value for key, value in newest.config.items() if key in _EVENT_INVOKE_SETTINGS
        }
        settings[:] = [newest]
        return _replace_json_body(
            response, {**json.loads(_response_bytes(response)), **newest.config}
        )


@contextmanager
def _placeholder_profile(account: str, name: str) -> Iterator[None]:
    """Create an instance profile within the block, unless it exists.

    AWS accepts any name here, and later sets the environment to INVALID.
    """
    from moto.iam.models import iam_backends

    backend = iam_backends[account]["aws"]
    known = backend.get_instance_profiles()
    if any(name in (profile.name, profile.arn) for profile in known):
        yield
        return
    path, _, plain = name.rpartition(":instance-profile")[2].rpartition("/")
    profile = backend.create_instance_profile(name=plain, path=f"{path}/", role_names=[], tags=[])
    try:
        yield
    finally:
        backend.delete_instance_profile(profile.name)


def _instance_role(call: MotoCall) -> str:
    resources = call.parameters.get("computeResources")
    role = resources.get("instanceRole") if isinstance(resources, dict) else None
    return role if isinstance(role, str) else ""


def _add_resolved_image_uri(response: Response) -> Response:
    """Add Code.ResolvedImageUri, which moto's GetFunction lacks; configurations have no Code."""
    content = json.loads(_response_bytes(response))
    code = content.get("Code", {})
    if "@sha256:" in code.get("ImageUri", ""):
        code["ResolvedImageUri"] = code["ImageUri"]
    return _replace_json_body(response, content)


def _replace_json_body(response: Response, content: object) -> Response:
    return replace(response, body=json.dumps(content).encode())


def _response_bytes(response: Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)
