"""Logins to registries: ECR's from AWS credentials, all others from Docker's configuration."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.connection import client_config
from scar.aws.client.errors import translate_errors
from scar.aws.model.account import account_of_registry
from scar.image.registry.credentials import Login

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.image.registry.pull import LoginProvider


@dataclass(slots=True)
class RegistryLogins:
    """Implements ``LoginProvider``, also for ECR registries of other accounts and Regions.

    ``connect`` is called at the first use of an ECR registry.
    """

    connect: Callable[[], AwsConnection]
    other_logins: LoginProvider
    _logins_by_region: dict[str, Login] = field(default_factory=dict, init=False)

    def login(self, registry: str) -> Login | None:
        """Return the login of a registry, or None; raise ScarError if ECR denies one."""
        owner = account_of_registry(registry)
        if owner is None:
            return self.other_logins.login(registry)
        region = owner.region
        if region not in self._logins_by_region:
            with translate_errors(f"log in to {registry}"):
                connection = self.connect()
                client = connection.session.client(
                    "ecr",
                    region_name=region,
                    endpoint_url=connection.endpoint_url,
                    config=client_config(),
                )
                connection.waits.attach(client)
                response = client.get_authorization_token()
            self._logins_by_region[region] = parse_authorization_token(
                response["authorizationData"][0]["authorizationToken"]
            )
        return self._logins_by_region[region]


def parse_authorization_token(token: str) -> Login:
    """Return the login in an authorization token of ECR."""
    user, _, password = base64.b64decode(token).decode().partition(":")
    return Login(user, password)
