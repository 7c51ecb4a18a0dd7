"""What is known without the SDK is what the SDK would use; all else is left to the SDK."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from scar.aws.client import sdk
from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.plain_configuration import read_plain_configuration
from scar.aws.client.direct.session_configuration import read_session_configuration
from scar.aws.client.target import ConnectionTarget
from supervisor.aws.request import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.aws.client.direct.configuration import DirectConfiguration

KEYS = {"AWS_ACCESS_KEY_ID": "env-key", "AWS_SECRET_ACCESS_KEY": "env-secret"}
IRELAND = {**KEYS, "AWS_REGION": "eu-west-1"}
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-4", "me-central-1", "mx-central-1")
BUCKETS = ("photos", "pho.tos", "photos-s3alias", "a-b", "x" * 63)
CREDENTIALS = """
[default]
aws_access_key_id = file-key
aws_secret_access_key = file-secret
[work]
aws_access_key_id = work-key
aws_secret_access_key = work-secret
aws_session_token = work-token
[half]
aws_access_key_id = half-key
"""
CONFIG = """
[default]
region = eu-west-2
output = json
[profile work]
region = eu-west-3
[profile inline]
region = eu-west-3
aws_access_key_id = inline-key
aws_secret_access_key = inline-secret
[profile role]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = default
[profile sso]
sso_session = x
[profile tool]
credential_process = /bin/true
[profile stack]
aws_access_key_id = k
aws_secret_access_key = s
region = eu-west-1
use_dualstack_endpoint = true
[profile nested]
aws_access_key_id = k
aws_secret_access_key = s
region = eu-west-1
s3 =
  addressing_style = path
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but two files that do not exist."""
    for name in [n for n in os.environ if n.startswith("AWS_") or n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def write_files(folder: Path) -> None:
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(CREDENTIALS)


def ask_sdk(target: ConnectionTarget) -> DirectConfiguration:
    core = sdk.new_session(profile=target.profile or None)
    session = boto3.Session(region_name=target.region or None, botocore_session=core)
    connection = AwsConnection(session=session, endpoint_url=target.endpoint_url or None)
    return read_session_configuration(session, connection.endpoint_url, connection.s3_config())


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def address(found: DirectConfiguration, bucket: str, region: str) -> tuple[str, str]:
    endpoint = found.find_endpoint(bucket, region)
    return f"{endpoint.origin}{endpoint.path}", endpoint.region


def require_same(target: ConnectionTarget) -> DirectConfiguration:
    """Assert that both find the same; return it."""
    plain, other = read_plain_configuration(target, os.environ), ask_sdk(target)
    assert plain is not None
    assert plain.region == other.region
    assert plain.credentials.get_credentials() == other.credentials.get_credentials()
    for bucket, region in [*((name, "") for name in BUCKETS), ("photos", "us-west-2")]:
        assert address(plain, bucket, region) == address(other, bucket, region)
    assert (plain.sends_checksums, plain.signs_payload) == (True, False)
    assert (other.sends_checksums, other.requests_checksums, other.signs_payload) == (
        True,
        True,
        False,
    )
    return plain


@pytest.mark.parametrize("region", REGIONS)
def test_the_endpoints_of_a_region_are_the_sdks(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, KEYS)
    plain = require_same(ConnectionTarget(region=region))
    sts: Any = boto3.client("sts", region_name=region)
    assert str(plain.sts) == sts.meta.endpoint_url


@pytest.mark.parametrize(
    ("target", "variables"),
    [
        (ConnectionTarget(), IRELAND),
        (ConnectionTarget(region="eu-west-2"), IRELAND),
        (ConnectionTarget(), {**KEYS, "AWS_DEFAULT_REGION": "eu-west-1"}),
        (ConnectionTarget(), {**IRELAND, "AWS_SESSION_TOKEN": "t", "AWS_MAX_ATTEMPTS": "9"}),
        (ConnectionTarget(endpoint_url="http://minio:9000/pre"), IRELAND),
        (ConnectionTarget(endpoint_url="https://[::1]"), IRELAND),
        (ConnectionTarget(), {**IRELAND, "AWS_ENDPOINT_URL": "http://minio:9000"}),
        (
            ConnectionTarget(),
            {**IRELAND, "AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b:1"},
        ),
        (ConnectionTarget(), {**IRELAND, "AWS_ENDPOINT_URL_SQS": "http://a"}),
    ],
    ids=str,
)
def test_the_environment_is_read_as_the_sdk_does(
    target: ConnectionTarget, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, variables)
    require_same(target)


@pytest.mark.parametrize(
    ("profile", "variables", "key"),
    [
        ("", {}, "file-key"),
        ("work", {}, "work-key"),
        ("inline", {}, "inline-key"),
        ("", {"AWS_PROFILE": "work"}, "work-key"),
        ("", {"AWS_PROFILE": "inline", "AWS_DEFAULT_PROFILE": "work"}, "work-key"),
        ("", {**KEYS, "AWS_PROFILE": "work"}, "env-key"),
        ("work", KEYS, "work-key"),
        ("work", {"AWS_REGION": "eu-west-1"}, "work-key"),
    ],
    ids=str,
)
def test_profiles_with_keys_are_read_as_the_sdk_does(
    profile: str,
    variables: Mapping[str, str],
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    write_files(tmp_path)
    set_variables(monkeypatch, variables)
    found = require_same(ConnectionTarget(profile=profile))
    assert found.credentials.get_credentials().access_key == key


@pytest.mark.parametrize(
    ("target", "variables"),
    [
        (ConnectionTarget(), {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k"}),
        (ConnectionTarget(), {**IRELAND, "AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        (ConnectionTarget(), {**IRELAND, "AWS_USE_FIPS_ENDPOINT": "true"}),
        (ConnectionTarget(), {**IRELAND, "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}),
        (ConnectionTarget(), {**IRELAND, "AWS_CREDENTIAL_EXPIRATION": "2030-01-01T00:00:00Z"}),
        (ConnectionTarget(), {**IRELAND, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}),
        (ConnectionTarget(), {**IRELAND, "AWS_ENDPOINT_URL": "nowhere"}),
        (ConnectionTarget(), {**IRELAND, "AWS_A_NEW_SETTING": "1"}),
        (ConnectionTarget(), {**KEYS, "AWS_REGION": "cn-north-1"}),
        (ConnectionTarget(), {**KEYS, "AWS_REGION": "us-gov-west-1"}),
        (ConnectionTarget(), {**KEYS, "AWS_REGION": "us-iso-east-1"}),
        (ConnectionTarget(), {**KEYS, "AWS_REGION": ""}),
        *(
            (ConnectionTarget(profile=name), {"AWS_REGION": "eu-west-1"})
            for name in ("role", "sso", "tool", "stack", "nested", "half", "absent")
        ),
    ],
    ids=str,
)
def test_what_needs_the_sdk_is_left_to_it(
    target: ConnectionTarget,
    variables: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    write_files(tmp_path)
    if "AWS_ACCESS_KEY_ID" in variables and "AWS_SECRET_ACCESS_KEY" not in variables:
        (tmp_path / "credentials").unlink()
    set_variables(monkeypatch, variables)
    assert read_plain_configuration(target, os.environ) is None


def test_the_sdks_settings_are_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(
        monkeypatch,
        {
            **IRELAND,
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        },
    )
    found = ask_sdk(ConnectionTarget())
    endpoint = found.find_endpoint("photos", "")
    assert endpoint.origin == Origin("https", "photos.s3.dualstack.eu-west-1.amazonaws.com", 443)
    assert not found.sends_checksums
    assert not found.requests_checksums
