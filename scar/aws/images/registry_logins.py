"""Logins to registries: ECR's by the user's own credentials, all others as Docker keeps them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.connection import client_config
from scar.aws.client.errors import translated
from scar.aws.model.account import of_registry
from scar.image.registry.credentials import Login

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import Connection
    from scar.image.registry.pull import Logins


@dataclass(slots=True)
class RegistryLogins:
    """An ``image.pull.Logins``: registries of other accounts and Regions may be read too.

    ``connect`` is called when the first of ECR's registries is asked for.
    """

    connect: Callable[[], Connection]
    others: Logins
    _known: dict[str, Login] = field(default_factory=dict, init=False)

    def login(self, registry: str) -> Login | None:
        """Return the login; raise ScarError if the credentials may not have one."""
        owner = of_registry(registry)
        if owner is None:
            return self.others.login(registry)
        region = owner.region
        if region not in self._known:
            with translated(f"log in to {registry}"):
                connection = self.connect()
                client = connection.session.client(
                    "ecr",
                    region_name=region,
                    endpoint_url=connection.endpoint_url,
                    config=client_config(),
                )
                granted = client.get_authorization_token()
            self._known[region] = login_of(granted["authorizationData"][0]["authorizationToken"])
        return self._known[region]


def login_of(token: str) -> Login:
    """Read an authorization token of ECR's."""
    user, _, password = base64.b64decode(token).decode().partition(":")
    return Login(user, password)
