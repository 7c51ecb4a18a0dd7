"""The stores of a function other than the account's S3: their configuration and their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.fdl.values.secret_values import SecretOrigin
from scar.hidden_text import NO_TEXT
from supervisor.connections import ProviderConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.model import ProviderSpec
    from scar.fdl.values.secret_values import SecretValue
    from scar.hidden_text import HiddenText

    # The values of environment variables that secret keys name.
    SecretVariables = Mapping[str, HiddenText]


def provider_config(function: str, provider: str, spec: ProviderSpec) -> ProviderConfig:
    """Return what the function's supervisor needs to open the store: secrets as references."""
    return ProviderConfig(
        name=provider,
        options=spec.options,
        secrets={
            key: _reference(function, provider, key, value) for key, value in spec.secrets.items()
        },
    )


def stored_secrets(
    function: str, provider: str, spec: ProviderSpec, variables: SecretVariables
) -> dict[str, HiddenText]:
    """Return the values that a deployment stores, by the name of the parameter.

    Those of variables that are not in ``variables`` are empty: commands that store none have none.
    """
    return {
        names.secret_parameter(function, provider, key): (
            value.text if value.origin is SecretOrigin.FILE else variables.get(value.name, NO_TEXT)
        )
        for key, value in spec.secrets.items()
        if value.origin is not SecretOrigin.REFERENCE
    }


def _reference(function: str, provider: str, key: str, value: SecretValue) -> str:
    if value.origin is SecretOrigin.REFERENCE:
        return value.name
    return f"ssm:{names.secret_parameter(function, provider, key)}"
