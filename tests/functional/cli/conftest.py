"""The whole command line against moto: one account in memory per test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.client.connection import AwsConnection
from scar.cli.services import Services
from tests.fakes.moto_locking import mock_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.target import ConnectionTarget


@dataclass(frozen=True)
class MotoServices(Services):
    """Connects to moto, whatever the target."""

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        return AwsConnection(session=session, description="moto")


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoServices]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_account("s3", "sts", "lambda", "logs", "batch", "ecr"):
        yield MotoServices({})
