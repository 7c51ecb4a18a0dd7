"""Connect to AWS or to the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from scar.aws.client import sdk
from scar.aws.client.connection import AwsConnection
from scar.aws.client.errors import NO_REGION, translate_errors
from scar.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from scar.cli.target import ConnectionTarget
    from scar.local.control import LocalCloudEndpoint


def connect_to_local_cloud(cloud: LocalCloudEndpoint, target: ConnectionTarget) -> AwsConnection:
    """Connect to the local cloud; ignore the user's AWS profiles and proxies."""
    if target.endpoint_url:
        raise UsageError(
            "--local and --endpoint-url are mutually exclusive.", remedy="Omit one of them."
        )
    # AWS_PROFILE may name a profile that this machine does not have, and a proxy cannot reach
    # the loopback interface of this machine.
    core = sdk.new_session({"profile": (None, None, None, None)})
    core.set_default_client_config(Config(proxies={}))
    session = boto3.Session(
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        region_name=target.region or cloud.region,
        botocore_session=core,
    )
    description = cloud.description[:1].upper() + cloud.description[1:]
    return AwsConnection(session=session, endpoint_url=cloud.endpoint_url, description=description)


def connect_to_aws(target: ConnectionTarget) -> AwsConnection:
    """Connect with the user's credentials and read their account id from AWS STS."""
    with translate_errors("use the AWS configuration"):
        core = sdk.new_session(profile=target.profile or None)
        session = boto3.Session(region_name=target.region or None, botocore_session=core)
    if not session.region_name:
        # STS has a global endpoint and would answer; the first call of another service would fail.
        raise ConfigurationError("No Region is set.", remedy=NO_REGION)
    connection = AwsConnection(session=session, endpoint_url=target.endpoint_url or None)
    account = connection.account
    # An endpoint may also come from AWS_ENDPOINT_URL, so the client is asked for it.
    address = connection.client("sts").meta.endpoint_url
    suffix = "" if "amazonaws.com" in address else f" at {address}"
    connection.description = f"AWS account {account.id}, {account.region}{suffix}"
    return connection
