"""Function URLs of Lambda."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.handlers.endpoints.cors import read_cors
from scar.aws.handlers.endpoints.policy_statements import (
    are_as_requested,
    read_statements,
    set_statements,
)
from scar.aws.model import names
from scar.aws.model.resources import FunctionUrl
from scar.aws.requests import endpoint_requests

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True, slots=True)
class FunctionUrlHandler:
    """Handles the URL of a function's unpublished version, and the permission to call it.

    A URL stays the same until it is deleted. Lambda deletes it with the function.
    """

    lambda_: LambdaClient

    def read(self, resource: FunctionUrl) -> FunctionUrl | None:
        try:
            found = self.lambda_.get_function_url_config(FunctionName=resource.function)
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        url = FunctionUrl(
            name=resource.name,
            authorization=found["AuthType"],
            cors=read_cors(found.get("Cors")),
            url=found["FunctionUrl"],
        )
        statements = read_statements(self.lambda_, url.function, names.URL_STATEMENT_IDS)
        expected = endpoint_requests.url_permission_requests(url)
        return FunctionUrl(
            name=url.name,
            authorization=url.authorization,
            cors=url.cors,
            policy_matches=are_as_requested(statements, expected),
            url=url.url,
        )

    def create(self, resource: FunctionUrl) -> None:
        try:
            self.lambda_.create_function_url_config(
                **endpoint_requests.function_url_request(resource)
            )
        except self.lambda_.exceptions.ResourceConflictException:
            self.lambda_.update_function_url_config(
                **endpoint_requests.function_url_request(resource)
            )
        self._set_permissions(resource)

    def update(self, observed: FunctionUrl, desired: FunctionUrl) -> None:
        # Requests without authentication are refused from the first of the two changes on, or are
        # allowed from the last one on.
        if desired.authorization != "NONE":
            self._set_permissions(desired)
        if (observed.authorization, observed.cors) != (desired.authorization, desired.cors):
            self.lambda_.update_function_url_config(
                **endpoint_requests.function_url_request(desired)
            )
        if desired.authorization == "NONE":
            self._set_permissions(desired)

    def delete(self, resource: FunctionUrl) -> None:
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            self.lambda_.delete_function_url_config(FunctionName=resource.function)
        set_statements(self.lambda_, resource.function, names.URL_STATEMENT_IDS, ())

    def _set_permissions(self, resource: FunctionUrl) -> None:
        requests = endpoint_requests.url_permission_requests(resource)
        set_statements(self.lambda_, resource.function, names.URL_STATEMENT_IDS, requests)
