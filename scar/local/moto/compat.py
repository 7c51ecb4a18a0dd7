"""Where moto 5.2 is stricter than AWS, or forgets what it was told.

Each rule was found by trying; a contract test names the moto release for each of them.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall, MotoRequest

# moto knows few instance types and would start instances for them.
_NO_INSTANCES = {"instanceTypes": ["optimal"], "minvCpus": 0, "desiredvCpus": 0}
_EVENT_INVOKE_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


class MotoCompat:
    """Adapts calls before moto sees them, and moto's state and answers afterwards."""

    def __init__(self, account: str) -> None:
        self._account = account

    @contextmanager
    def placeholder_resources(self, call: MotoCall) -> Iterator[None]:
        """Let moto find what AWS would not look for while it carries out the call."""
        profile = _instance_role(call)
        if call.operation != "CreateComputeEnvironment" or not profile:
            yield
            return
        with _placeholder_profile(self._account, profile):
            yield

    def adapt_request(self, call: MotoCall, sent: MotoRequest) -> MotoRequest:
        """Fill in what AWS does not ask for."""
        match call.operation:
            case "CreateComputeEnvironment":
                body = json.loads(sent.body)
                body.setdefault("state", "ENABLED")
                body.setdefault("serviceRole", self._batch_service_role())
                resources = body.get("computeResources") or {}
                if "FARGATE" not in resources.get("type", ""):
                    resources |= _NO_INSTANCES  # put back by after()
                return replace(sent, body=json.dumps(body).encode())
            case "CreateJobQueue":
                body = {"state": "ENABLED", **json.loads(sent.body)}
                return replace(sent, body=json.dumps(body).encode())
            case "UpdateJobQueue" if "computeEnvironmentOrder" in call.parameters:
                body = json.loads(sent.body)
                for place in body["computeEnvironmentOrder"]:
                    place["computeEnvironment"] = self._environment_arn(
                        call, place["computeEnvironment"]
                    )
                return replace(sent, body=json.dumps(body).encode())
            case _:
                return sent

    def adapt_response(self, call: MotoCall, answer: Response) -> Response:
        """Keep what moto dropped, and say what moto does not say; only for successful calls."""
        match call.operation:
            case "CreateComputeEnvironment":
                self._restore_resources(call)
            case "UpdateComputeEnvironment":
                self._update_compute_resources(call)
            case "RegisterJobDefinition":
                self._complete_definition(call)
            case "CreateFunction" | "UpdateFunctionCode" | "UpdateFunctionConfiguration":
                return self._complete_function(call, answer)
            case "GetFunction":
                return _add_resolved_image_uri(answer)
            case "PutFunctionEventInvokeConfig" | "UpdateFunctionEventInvokeConfig":
                return self._update_event_invoke_config(call, answer)
            case _:
                pass
        return answer

    def _batch_service_role(self) -> str:
        """Return the service-linked role that AWS makes when no role is given."""
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
        resources = call.parameters.get("computeResources")
        environment = self._find_environment(call.text("computeEnvironmentName"), call.region)
        if isinstance(resources, dict):
            environment.compute_resources = dict(resources)

    def _update_compute_resources(self, call: MotoCall) -> None:
        resources = call.parameters.get("computeResources")
        environment = self._find_environment(call.text("computeEnvironment"), call.region)
        if isinstance(resources, dict):
            environment.compute_resources.update(resources)

    def _complete_definition(self, call: MotoCall) -> None:
        """A new revision has nothing of the one before it."""
        from moto.batch.models import batch_backends

        backend = batch_backends[self._account][call.region]
        definition: Any = backend.get_job_definition_by_name(call.text("jobDefinitionName"))
        given = call.parameters
        definition.platform_capabilities = given.get("platformCapabilities") or ["EC2"]
        definition.propagate_tags = given.get("propagateTags", False)
        definition.parameters = given.get("parameters") or {}
        if not given.get("retryStrategy"):
            definition.retry_strategy = {"attempts": 1, "evaluateOnExit": []}

    def _environment_arn(self, call: MotoCall, environment: str) -> str:
        """Return an environment's ARN for its name, as AWS understands both."""
        found = self._find_environment(environment, call.region)
        return str(found.arn) if found else environment

    def _find_environment(self, name: str, region: str) -> Any:  # noqa: ANN401 - moto's own type
        from moto.batch.models import batch_backends

        return batch_backends[self._account][region].get_compute_environment(name)

    def _find_function(self, call: MotoCall) -> Any:  # noqa: ANN401 - moto's own type
        from moto.awslambda.models import lambda_backends

        name = function_name(call.text("FunctionName"))
        return lambda_backends[self._account][call.region].get_function(name)

    def _complete_function(self, call: MotoCall, answer: Response) -> Response:
        from moto.awslambda.models import ImageConfig

        function = self._find_function(call)
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
        return _replace_json_body(answer, function.get_configuration(on_create=created))

    def _update_event_invoke_config(self, call: MotoCall, answer: Response) -> Response:
        """Make the last put count: moto keeps all and reads the first."""
        function = self._find_function(call)
        settings = function.event_invoke_config
        newest = settings[-1]
        if call.operation.startswith("Update") and len(settings) > 1:
            newest.config = {**settings[0].config, **newest.config}
        newest.config = {
            key: value for key, value in newest.config.items() if key in _EVENT_INVOKE_SETTINGS
        }
        settings[:] = [newest]
        return _replace_json_body(answer, {**json.loads(_response_bytes(answer)), **newest.config})


@contextmanager
def _placeholder_profile(account: str, name: str) -> Iterator[None]:
    """AWS takes any instance profile (and later turns the environment INVALID)."""
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


def _add_resolved_image_uri(answer: Response) -> Response:
    content = json.loads(_response_bytes(answer))
    code = content.get("Code", {})
    if "@sha256:" in code.get("ImageUri", ""):
        code["ResolvedImageUri"] = code["ImageUri"]
    return _replace_json_body(answer, content)


def _replace_json_body(answer: Response, content: object) -> Response:
    return replace(answer, body=json.dumps(content).encode())


def _response_bytes(answer: Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
