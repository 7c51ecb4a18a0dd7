"""From what the user says about where to talk to, to a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from scar.aws import sdk
from scar.aws.connection import Connection
from scar.aws.faults import NO_REGION, translated
from scar.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from scar.cli.session import Target
    from scar.local.control import LocalCloud


def to_local(cloud: LocalCloud, target: Target) -> Connection:
    """Connect to the local cloud, whatever profiles and proxies the user has."""
    if target.endpoint_url:
        raise UsageError(
            "--local and --endpoint-url exclude each other.", remedy="Leave one of them out."
        )
    # An AWS_PROFILE for AWS may not exist here; a proxy would not find this machine's loopback.
    core = sdk.core({"profile": (None, None, None, None)})
    core.set_default_client_config(Config(proxies={}))
    session = boto3.Session(
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        region_name=target.region or cloud.region,
        botocore_session=core,
    )
    return Connection(
        session=session, endpoint_url=cloud.endpoint_url, description=_capital(cloud.description)
    )


def to_aws(target: Target) -> Connection:
    """Connect with the user's credentials, and ask whose they are."""
    with translated("use the AWS configuration"):
        core = sdk.core(profile=target.profile or None)
        session = boto3.Session(region_name=target.region or None, botocore_session=core)
    if not session.region_name:
        # STS would answer without one, and the first other service refuse.
        raise ConfigurationError("No Region is set.", remedy=NO_REGION)
    connection = Connection(session=session, endpoint_url=target.endpoint_url or None)
    account = connection.account
    address = connection.client("sts").meta.endpoint_url  # the environment may name one too
    at = "" if "amazonaws.com" in address else f" at {address}"
    connection.description = f"AWS account {account.id}, {account.region}{at}"
    return connection


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
