"""A MotoService behind the real HTTP server, which can be killed and restarted."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.moto.service import MotoService
from scar.local.moto.validation import find_violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scar.local.moto.error_responses import ApiError

ACCOUNT = "123456789012"
KEY = "AKIALOCALLOCALLOCAL0"
SECRET = b"s" * 32


@functools.cache
def _session() -> boto3.Session:
    """One for all tests: reading the services' models costs more than most tests."""
    return boto3.Session(
        aws_access_key_id=KEY, aws_secret_access_key=derive_secret_key(SECRET, KEY)
    )


class MotoCloud:
    """Starts the service over a folder; ``crash`` leaves only the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refusals: dict[str, ApiError] = {}
        self.start()

    def start(self) -> None:
        self.moto = MotoService(
            self.folder,
            account=ACCOUNT,
            check=self.check,
            registry=lambda: ("http://127.0.0.1:1", "pass"),
        )
        router = Router(dict.fromkeys(Route, self.moto), Authenticator(SECRET))
        self.server = HttpServer(router)
        self.endpoint = f"http://127.0.0.1:{self.server.start()}"

    def check(
        self, service: str, operation: str, parameters: Mapping[str, object]
    ) -> ApiError | None:
        return self.refusals.get(operation) or find_violation(service, operation, parameters)

    def stop(self) -> None:
        self.server.close(0.2)
        self.moto.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def client(self, service: str, region: str = "us-east-1") -> Any:  # noqa: ANN401 - one client type per service
        return _session().client(  # type: ignore[call-overload]
            service, endpoint_url=self.endpoint, region_name=region
        )


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[MotoCloud]:
    cloud = MotoCloud(tmp_path / "moto")
    yield cloud
    cloud.stop()
