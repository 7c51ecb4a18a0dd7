"""From what the user says about where to talk to, to a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from scar.aws.client import sdk
from scar.aws.client.connection import AwsConnection
from scar.aws.client.errors import NO_REGION, translate_errors
from scar.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from scar.cli.session import Target
    from scar.local.control import LocalCloudEndpoint


def to_local(cloud: LocalCloudEndpoint, target: Target) -> AwsConnection:
    """Connect to the local cloud, whatever profiles and proxies the user has."""
    if target.endpoint_url:
        raise UsageError(
            "--local and --endpoint-url exclude each other.", remedy="Leave one of them out."
        )
    # An AWS_PROFILE for AWS may not exist here; a proxy would not find this machine's loopback.
    core = sdk.new_session({"profile": (None, None, None, None)})
    core.set_default_client_config(Config(proxies={}))
    session = boto3.Session(
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        region_name=target.region or cloud.region,
        botocore_session=core,
    )
    return AwsConnection(
        session=session, endpoint_url=cloud.endpoint_url, description=_capital(cloud.description)
    )


def to_aws(target: Target) -> AwsConnection:
    """Connect with the user's credentials, and ask whose they are."""
    with translate_errors("use the AWS configuration"):
        core = sdk.new_session(profile=target.profile or None)
        session = boto3.Session(region_name=target.region or None, botocore_session=core)
    if not session.region_name:
        # STS would answer without one, and the first other service refuse.
        raise ConfigurationError("No Region is set.", remedy=NO_REGION)
    connection = AwsConnection(session=session, endpoint_url=target.endpoint_url or None)
    account = connection.account
    address = connection.client("sts").meta.endpoint_url  # the environment may name one too
    at = "" if "amazonaws.com" in address else f" at {address}"
    connection.description = f"AWS account {account.id}, {account.region}{at}"
    return connection


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
