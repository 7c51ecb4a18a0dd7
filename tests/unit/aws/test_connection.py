"""Where commands go, and what is said when they cannot get there."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scar.aws.connection import Connection
from scar.aws.faults import translated
from scar.errors import ConfigurationError, Refused, ScarError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No credentials and no Region but those of the test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))


def session(region: str | None = "eu-west-1") -> boto3.Session:
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=region)


def test_a_client_is_made_once() -> None:
    connection = Connection(session=session())
    assert connection.client("s3") is connection.client("s3")


def test_an_endpoint_is_used_by_all_services_and_s3_names_buckets_in_the_path() -> None:
    endpoint = "http://127.0.0.1:1"
    connection = Connection(session=session(), endpoint_url=endpoint)
    assert connection.client("lambda").meta.endpoint_url == endpoint
    assert connection.client("iam").meta.endpoint_url == endpoint
    url = connection.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "photos", "Key": "k"}
    )
    assert url.startswith(f"{endpoint}/photos/k?")
    assert "X-Amz-Signature" in url


def test_no_credentials_is_said_with_what_to_do() -> None:
    connection = Connection(session=boto3.Session(region_name="eu-west-1"))
    with pytest.raises(ConfigurationError, match="credentials") as caught:
        _ = connection.account
    assert "scar --local" in caught.value.remedy


def test_no_region_is_said_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="region") as caught:
        Connection(session=session(None)).client("lambda")
    assert "AWS_REGION" in caught.value.remedy


def test_an_endpoint_that_does_not_answer_is_named() -> None:
    endpoint = "http://127.0.0.1:1"
    with (
        pytest.raises(ConfigurationError, match=r"Cannot list functions: .*127\.0\.0\.1:1"),
        translated("list functions"),
    ):
        raise EndpointConnectionError(endpoint_url=endpoint)


@pytest.mark.parametrize(
    ("code", "kind"), [("ExpiredToken", ConfigurationError), ("AccessDenied", Refused)]
)
def test_an_answer_that_says_no_is_told_with_its_code(code: str, kind: type[ScarError]) -> None:
    with pytest.raises(kind, match=f"Invoke answered {code}: go away"), translated("call crop"):
        raise ClientError({"Error": {"Code": code, "Message": "go away"}}, "Invoke")
