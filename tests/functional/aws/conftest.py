"""Deployment against moto: the same calls as on AWS, one account in memory per test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from supervisor import config as wire
from supervisor.model import ImageDefaults
from tests.functional.aws.support.moto_account import an_account
from tests.functional.aws.support.service_errors import ServiceErrors
from tests.virtual_time import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from supervisor.model import FunctionConfig


@dataclass
class FakeImages:
    """Builds images that are only digests, and records the pushed ones."""

    pushed: set[tuple[str, str]] = field(default_factory=set)
    composed: dict[str, FunctionConfig] = field(default_factory=dict)

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        config = configure(ImageDefaults(command=("/bin/true",)))
        self.composed[function.name] = config
        script = function.lambda_.init_script.read_bytes() if function.lambda_.init_script else b""
        content = function.image_name.encode() + wire.config_to_json(config).encode() + script
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def describe_changes(self, repository: str, old: str, new: str) -> tuple[str, ...]:
        del repository, old, new
        return ()

    def holds(self, repository: str, digest: str) -> bool:
        return (repository, digest) in self.pushed

    def push(self, repository: str, digest: str, check: Callable[[], None] = lambda: None) -> None:
        self.pushed.add((repository, digest))


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the credentials and endpoints of the user who runs the tests."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def time() -> VirtualTime:
    """Return the time of the connection's waits."""
    return VirtualTime()


@pytest.fixture
def connection(closed: None, time: VirtualTime) -> Iterator[AwsConnection]:
    """Return a connection that reaches only moto."""
    with an_account(time.waits()) as connected:
        yield connected


@pytest.fixture
def service_errors(connection: AwsConnection, monkeypatch: pytest.MonkeyPatch) -> ServiceErrors:
    """Return the error responses of the services in this test: none at first."""
    return ServiceErrors.install(monkeypatch)
