"""Parameters of Parameter Store with secrets: no value is in a message, an error or a log."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.errors import error_code
from scar.aws.model import names
from scar.aws.model.resources import SecretParameter
from scar.hidden_text import MASK, HiddenText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.service_types import ParameterStore


@dataclass(frozen=True, slots=True)
class SecretParameterHandler:
    """Parameters below ``/scar``: all of them are scar's."""

    ssm: ParameterStore

    def read(self, resource: SecretParameter) -> SecretParameter | None:
        try:
            response = self.ssm.get_parameter(Name=resource.name, WithDecryption=True)
        except ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise
        found = response["Parameter"]
        return SecretParameter(
            name=resource.name, value=HiddenText(found["Value"]), type=found["Type"]
        )

    def create(self, resource: SecretParameter) -> None:
        try:
            self._put(resource, is_new=True)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            self._put(resource, is_new=False)

    def update(self, observed: SecretParameter, desired: SecretParameter) -> None:
        del observed
        self._put(desired, is_new=False)

    def delete(self, resource: SecretParameter) -> None:
        try:
            self.ssm.delete_parameter(Name=resource.name)
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise

    def list_names(self, function: str) -> Iterator[str]:
        """Yield the names of a function's parameters; no value is decrypted."""
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(
            Path=names.secret_path(function), Recursive=True, WithDecryption=False
        )
        for page in pages:
            yield from (parameter["Name"] for parameter in page["Parameters"])

    def _put(self, resource: SecretParameter, *, is_new: bool) -> None:
        value = resource.value.reveal()
        # AWS refuses tags together with Overwrite. The tier is given because the account's default
        # may be the advanced one, which costs money.
        tags = [
            {"Key": names.FUNCTION_TAG, "Value": resource.function},
            {"Key": names.MANAGED_TAG, "Value": "true"},
        ]
        with _without_value(value):
            self.ssm.put_parameter(
                Name=resource.name,
                Value=value,
                Type=resource.type,
                Tier="Standard",
                **({"Tags": tags} if is_new else {"Overwrite": True}),
            )


@contextlib.contextmanager
def _without_value(value: str) -> Iterator[None]:
    """Remove the value from an error's message: AWS's validation errors quote what they refuse."""
    try:
        yield
    except ClientError as error:
        message = str(error.response.get("Error", {}).get("Message", ""))
        if not value or value not in f"{message}{error}":
            raise
        response = {
            **error.response,
            "Error": {"Code": error_code(error), "Message": message.replace(value, MASK)},
        }
        # `from None`: the original error would be shown with its text.
        raise ClientError(response, error.operation_name) from None  # type: ignore[arg-type]
