"""The part of Amazon API Gateway's client that scar uses; no type stubs are installed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    Response = Mapping[str, Any]


class ApiGatewayClient(Protocol):
    """boto3's client ``apigatewayv2``: parameters and responses as in AWS's reference.

    Its ``meta.region_name`` and ``meta.partition`` are part of the ARNs of APIs.
    """

    meta: Any
    exceptions: Any

    def get_paginator(self, operation_name: str, /) -> Any: ...  # noqa: ANN401 - boto3's paginator
    def create_api(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def update_api(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def delete_api(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def delete_cors_configuration(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def create_integration(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def update_integration(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def create_route(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def update_route(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def delete_route(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def create_stage(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def update_stage(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def tag_resource(self, **parameters: Any) -> Response: ...  # noqa: ANN401
    def untag_resource(self, **parameters: Any) -> Response: ...  # noqa: ANN401
