"""Connections to AWS and to the local cloud, and the errors without credentials or Region."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.client.connect import connect_to_aws
from scar.aws.client.errors import translate_errors
from scar.aws.client.target import ConnectionTarget
from scar.cli.main import run
from scar.cli.services import Services
from scar.errors import ConfigurationError, UsageError
from scar.local.connect import connect_to_local_cloud
from scar.local.control import LocalCloudEndpoint
from tests.functional.cli.stub_endpoint import StubEndpoint, serve_stub

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult>"
    b"<Arn>arn:aws:iam::123456789012:user/u</Arn><Account>123456789012</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials and no configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def cloud(url: str) -> LocalCloudEndpoint:
    return LocalCloudEndpoint(
        endpoint_url=url, access_key="k", secret_key="s", region="us-east-1", engine="process"
    )


def test_the_local_cloud_is_reached_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with serve_stub(StubEndpoint(body=IDENTITY, headers={"x-amzn-RequestId": "r-1"})) as stub:
        connection = connect_to_local_cloud(
            cloud(stub.url), ConnectionTarget(local=True, region="eu-west-1")
        )
        assert connection.account.id == "123456789012"
        assert connection.account.region == "eu-west-1"
        assert connection.description == f"Local cloud at {stub.url} (process engine)"


def test_local_and_an_endpoint_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="mutually exclusive"):
        connect_to_local_cloud(
            cloud("http://127.0.0.1:1"), ConnectionTarget(local=True, endpoint_url="http://x")
        )


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("url", ["nonsense", "ftp://h", "http://", "http://h/?x=1"])
def test_an_endpoint_that_is_no_server_is_refused_by_name(
    url: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv(variable, url)
    with pytest.raises(ConfigurationError, match=variable):
        connect_to_aws(ConnectionTarget(region="eu-west-1"))


def test_an_invalid_endpoint_that_is_ignored_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    with pytest.raises(ConfigurationError, match="No Region"):
        connect_to_aws(ConnectionTarget())


def test_an_invalid_endpoint_of_a_profile_names_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\nendpoint_url = nonsense\n")
    with pytest.raises(ConfigurationError, match="Invalid endpoint") as caught:
        connect_to_aws(ConnectionTarget())
    assert "~/.aws/config" in caught.value.remedy


def test_aws_is_described_by_account_and_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with serve_stub(StubEndpoint(body=IDENTITY, headers={"x-amzn-RequestId": "r-1"})) as stub:
        connection = connect_to_aws(ConnectionTarget(region="eu-west-1", endpoint_url=stub.url))
        assert connection.description == f"AWS account 123456789012, eu-west-1 at {stub.url}"


def test_an_unknown_profile_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="absent"):
        connect_to_aws(ConnectionTarget(profile="absent"))


@pytest.mark.parametrize("arguments", [["ls"], ["put", "-b", "photos", "-p", "."]])
def test_without_credentials_commands_end_with_4(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--region", "eu-west-1", *arguments], Services({})) == 4
    assert "scar --local" in capsys.readouterr().err


def test_without_a_region_commands_end_with_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert run(["ls"], Services({})) == 4
    assert "AWS_REGION" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["option", "AWS_REGION", "local"])
@pytest.mark.parametrize(
    ("region", "nearest"), [("eu_west_1", "eu-west-1"), ("us-east", "us-east-1"), ("US", "")]
)
def test_a_misspelt_region_is_named_with_the_nearest_one(
    place: str, region: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "AWS_REGION":
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)  # botocore's name of it
    target = ConnectionTarget(region="" if place == "AWS_REGION" else region)
    local = partial(connect_to_local_cloud, cloud("http://127.0.0.1:1"))
    connect = local if place == "local" else connect_to_aws
    with pytest.raises(ConfigurationError, match="not the name of an AWS Region") as caught:
        connect(target)
    assert f"did you mean `{nearest}`?" in caught.value.problem or not nearest
    assert "--region" in caught.value.remedy


def test_the_sdk_s_refusal_of_a_region_names_the_option() -> None:
    with (
        pytest.raises(ConfigurationError) as caught,
        translate_errors("connect to lambda"),
    ):
        boto3.Session(region_name="eu_west_1").client("lambda")
    assert "--region" in caught.value.remedy
