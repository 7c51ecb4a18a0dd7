"""Connect to the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from scar.aws.client import sdk
from scar.aws.client.connect import require_region_name
from scar.aws.client.connection import AwsConnection
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.aws.client.target import ConnectionTarget
    from scar.local.control import LocalCloudEndpoint


def connect_to_local_cloud(cloud: LocalCloudEndpoint, target: ConnectionTarget) -> AwsConnection:
    """Connect to the local cloud; ignore the user's AWS profiles and proxies."""
    if target.endpoint_url:
        raise UsageError(
            "--local and --endpoint-url are mutually exclusive.", remedy="Omit one of them."
        )
    require_region_name(target.region)
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
