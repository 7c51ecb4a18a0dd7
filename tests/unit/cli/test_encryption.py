"""Commands without an FDL file take the encryption from options, environment and configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from scar.aws.client.encryption import add_default_encryption, add_encryption
from scar.cli.main import run
from scar.cli.session import Session
from scar.errors import ConfigurationError, UsageError
from supervisor.model import BucketEncryption
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


def session(environment: dict[str, str], **fields: str) -> Session:
    return Session(services=FakeServices(environment), **fields)  # type: ignore[arg-type]


def configuration(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "config.yaml"
    file.write_text("defaults:\n  lambda: {sse: 'aws:kms', sse_kms_key_id: k}\n")
    return {"SCAR_CONFIG": str(file)}


def test_the_command_line_comes_before_the_environment_and_the_configuration(
    tmp_path: Path,
) -> None:
    config = configuration(tmp_path)
    assert session({}).encryption == ("", "")
    assert session(config).encryption == ("aws:kms", "k")
    assert session(config | {"SCAR_SSE": "AES256"}).encryption == ("AES256", "")
    assert session(config, sse="AES256").encryption == ("AES256", "")
    assert session({}, sse="aws:kms", sse_kms_key_id="x").encryption == ("aws:kms", "x")


def test_an_unknown_algorithm_is_refused_with_its_source() -> None:
    with pytest.raises(ConfigurationError, match=r"SCAR_SSE: sse cannot be 'aes'"):
        _ = session({"SCAR_SSE": "aes"}).encryption


def test_a_key_needs_a_kms_algorithm() -> None:
    with pytest.raises(UsageError, match="no effect"):
        _ = session({}, sse="AES256", sse_kms_key_id="x").encryption


def test_put_refuses_an_unknown_algorithm(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["put", "-b", "box", "-p", "x", "--sse", "md5"]
    assert run(arguments, FakeServices({})) == 2
    assert "AES256" in capsys.readouterr().err


@pytest.fixture
def client() -> S3Client:
    return boto3.client(
        "s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def sent(client: S3Client, bucket: str, **parameters: str) -> tuple[str | None, str | None]:
    """Return the encryption headers of a PutObject."""
    seen: dict[str, Any] = {}

    def record(params: dict[str, Any], **_: object) -> None:
        seen.update(params)

    client.meta.events.register_last("provide-client-params.s3.PutObject", record)
    with Stubber(client) as stub:
        stub.add_response("put_object", {})
        client.put_object(Bucket=bucket, Key="k", **parameters)  # type: ignore[arg-type]
    return seen.get("ServerSideEncryption"), seen.get("SSEKMSKeyId")


def test_buckets_of_the_fdl_come_before_the_default(client: S3Client) -> None:
    assert sent(client, "box") == (None, None)
    add_default_encryption(client, "aws:kms", "k")
    add_encryption(client, [BucketEncryption(bucket="box", algorithm="AES256")])
    assert sent(client, "box") == ("AES256", None)
    assert sent(client, "other") == ("aws:kms", "k")
    assert sent(client, "box", ServerSideEncryption="aws:kms") == ("aws:kms", None)


def test_every_command_that_connects_requests_the_encryption(tmp_path: Path) -> None:
    connection = session(configuration(tmp_path) | AWS).connect()
    assert sent(connection.client("s3"), "scar-123456789012-eu-west-1") == ("aws:kms", "k")


AWS = {"SCAR_REGION": "eu-west-1"}
