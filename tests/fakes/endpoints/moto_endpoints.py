"""HTTP APIs, which moto lacks without further packages, and what its function URLs lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import FunctionUrlConfig, LambdaBackend
from moto.awslambda.policy import Policy
from moto.core.botocore_stubber import BotocoreStubber

from tests.fakes.endpoints.api_gateway import FakeApiGateway

if TYPE_CHECKING:
    import pytest
    from botocore.awsrequest import AWSPreparedRequest
    from moto.core.common_types import TYPE_RESPONSE


def add_endpoints(patch: pytest.MonkeyPatch) -> None:
    """Add API Gateway to moto, and what AWS makes of function URLs, until the patch ends."""
    process, gateway = BotocoreStubber.process_request, FakeApiGateway()

    def process_request(self: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
        host = urlsplit(request.url).hostname or ""
        if not host.startswith("apigateway."):
            return process(self, request)
        body = request.body
        assert body is None or isinstance(body, str | bytes)
        return gateway.respond(str(request.method), request.url, body)

    patch.setattr(BotocoreStubber, "process_request", process_request)
    merge, create_url = Policy.condition_merge, LambdaBackend.create_function_url_config

    def merge_all(policy: Policy, statement: dict[str, Any]) -> None:
        merge(policy, statement)
        _add_url_conditions(statement)

    def create_one_url(backend: LambdaBackend, name: str, config: dict[str, Any]) -> Any:  # noqa: ANN401
        if backend.get_function(name).url_config:
            raise LambdaClientError(
                "ResourceConflictException",
                "Failed to create function url config for this function: it exists already.",
            )
        return create_url(backend, name, config)

    update_url = FunctionUrlConfig.update

    def update_all(url: FunctionUrlConfig, config: dict[str, Any]) -> None:
        update_url(url, config)
        url.config["Cors"] = config.get("Cors", url.config.get("Cors"))  # also an empty one

    patch.setattr(FunctionUrlConfig, "update", update_all)
    patch.setattr(Policy, "condition_merge", merge_all)
    patch.setattr(LambdaBackend, "create_function_url_config", create_one_url)


def _add_url_conditions(statement: dict[str, Any]) -> None:
    """Write the parameters for function URLs as conditions, as Lambda does."""
    auth_type = statement.pop("FunctionUrlAuthType", None)
    is_via_url = statement.pop("InvokedViaFunctionUrl", False)
    if auth_type or is_via_url:
        conditions = statement.setdefault("Condition", {})
        if auth_type:
            conditions["StringEquals"] = {"lambda:FunctionUrlAuthType": auth_type}
        if is_via_url:
            conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
