"""Logins to registries: ECR's are requested from AWS, all others read from Docker's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scar.aws.images.registry_logins import RegistryLogins
from scar.image.registry.credentials import Login

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

DOCKERS = Login("me", "secret")


@dataclass
class DockerLogins:
    """Returns one login; records the registries it was requested for."""

    requested: list[str] = field(default_factory=list)

    def login(self, registry: str) -> Login:
        self.requested.append(registry)
        return DOCKERS


@pytest.mark.parametrize("registry", ["docker.io", "public.ecr.aws", "dkr.ecr.example.com"])
def test_registries_that_are_not_ecrs_need_no_account(registry: str) -> None:
    def connect() -> AwsConnection:
        raise AssertionError

    others = DockerLogins()
    assert RegistryLogins(connect, others).login(registry) == DOCKERS
    assert others.requested == [registry]


def test_a_login_to_ecr_is_requested_once_per_region(connection: AwsConnection) -> None:
    connected = []

    def connect() -> AwsConnection:
        connected.append(1)
        return connection

    logins = RegistryLogins(connect, DockerLogins())
    hosts = [
        f"{n * 12}.dkr.ecr.{r}.amazonaws.com" for r in ("eu-west-1", "us-east-1") for n in "12"
    ]
    found = [logins.login(host) for host in hosts]
    assert {login.user for login in found if login} == {"AWS"}
    assert all(login and login.password for login in found)
    assert len(connected) == 2
