"""Credentials come from container and instance endpoints as these are documented."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import NoCredentials
from supervisor.aws.metadata import (
    ContainerCredentialProvider,
    ImdsCredentialProvider,
    container_provider,
    imds_provider,
)
from supervisor.aws.retry import Backoff
from supervisor.aws.sigv4 import Credentials
from tests.functional.supervisor.scripted_server import Close, Reply, ScriptedServer, scripted

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "Code": "Success",
    "AccessKeyId": "AK",
    "SecretAccessKey": "secret",
    "Token": "token",
    "Expiration": "2026-11-21T12:00:00Z",
}
PARSED = Credentials(access_key="AK", secret_key="secret", token="token", expires=1_795_262_400.0)
GIVEN = Reply(body=json.dumps(KEYS).encode())
TOKEN = Reply(body=b"imds-token")
ROLE = Reply(body=b"my-role\n")


def of_container(server: ScriptedServer, **environ: str) -> ContainerCredentialProvider:
    url = f"{server.url}/v2/creds?id=1"
    found = container_provider({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, **environ})
    assert found is not None
    return replace(found, client=replace(found.client, backoff=no_pauses()))


def of_instance(server: ScriptedServer) -> ImdsCredentialProvider:
    found = imds_provider({"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/"})
    return replace(found, client=replace(found.client, backoff=no_pauses()))


def no_pauses() -> Backoff:
    return Backoff(max_attempts=3, sleep=lambda _: None)


def test_a_container_asks_its_endpoint_with_its_token() -> None:
    with scripted(GIVEN) as server:
        found = of_container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer abc").fetch()
    assert found == PARSED
    assert server.requests[0].target == "/v2/creds?id=1"
    assert server.requests[0].headers["authorization"] == "Bearer abc"


def test_a_token_file_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with scripted(GIVEN, GIVEN) as server:
        found = of_container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file))
        for text in ("first\n", "second\n"):
            file.write_text(text)
            found.fetch()
    assert [s.headers["authorization"] for s in server.requests] == ["first", "second"]


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with scripted() as server, pytest.raises(NoCredentials, match="no-such-token"):
        of_container(
            server, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "no-such-token")
        ).fetch()


def test_a_relative_address_leads_to_ecs() -> None:
    found = container_provider({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/uuid"})
    assert found is not None
    assert str(found.client.origin) == "http://169.254.170.2"
    assert found.path == "/v2/credentials/uuid"


def test_instance_credentials_cost_requests_for_token_role_and_keys() -> None:
    with scripted(TOKEN, ROLE, GIVEN) as server:
        assert of_instance(server).fetch() == PARSED
    assert [f"{s.method} {s.target}" for s in server.requests] == [
        "PUT /latest/api/token",
        "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/my-role",
    ]
    assert int(server.requests[0].headers["x-aws-ec2-metadata-token-ttl-seconds"]) > 0
    assert {s.headers["x-aws-ec2-metadata-token"] for s in server.requests[1:]} == {"imds-token"}


def test_a_request_to_a_busy_endpoint_is_retried() -> None:
    with scripted(Close(), Reply(status=503), GIVEN) as server:
        assert of_container(server).fetch() == PARSED


def test_an_unreachable_endpoint_is_named() -> None:
    with scripted(*[Close()] * 3) as server, pytest.raises(NoCredentials) as caught:
        of_container(server).fetch()
    assert "http://127.0.0.1:" in caught.value.problem
    assert "role" in caught.value.remedy


def test_an_instance_without_a_role_is_an_error() -> None:
    with scripted(TOKEN, Reply(status=404)) as server, pytest.raises(NoCredentials, match="404"):
        of_instance(server).fetch()
    with scripted(TOKEN, Reply()) as server, pytest.raises(NoCredentials, match="no role"):
        of_instance(server).fetch()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"secret-words", b'{"AccessKeyId": "x", "SecretAccessKey": "secret-words"}'],
)
def test_a_response_without_keys_is_an_error_and_is_not_shown(body: bytes) -> None:
    with scripted(Reply(body=body)) as server, pytest.raises(NoCredentials) as caught:
        of_container(server).fetch()
    assert "secret-words" not in str(caught.value)


def test_the_container_endpoint_comes_before_the_instance() -> None:
    with scripted(GIVEN) as server:
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/creds",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9",
        }
        # The keys above are still valid then, so that they are requested once.
        found = find_credentials(environ, clock=lambda: PARSED.expires - 3600)
        assert found.get_credentials() == found.get_credentials() == PARSED
