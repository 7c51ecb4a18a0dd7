"""Connect to the local cloud."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.bucket_endpoints import CustomEndpoint
from scar.aws.client.direct.configuration import DirectConfiguration
from scar.aws.client.direct.connections import connection_pool
from scar.aws.client.direct.requests import DirectRequests
from scar.aws.client.direct.session_on_demand import session_on_demand
from scar.aws.client.direct.trusted_certificates import context_factory
from scar.aws.client.region_names import require_region_name
from scar.errors import UsageError
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    import boto3

    from scar.aws.client.target import ConnectionTarget
    from scar.local.control import LocalCloudEndpoint


def connect_to_local_cloud(cloud: LocalCloudEndpoint, target: ConnectionTarget) -> AwsConnection:
    """Connect to the local cloud; ignore the user's AWS profiles and proxies."""
    if target.endpoint_url:
        raise UsageError(
            "--local and --endpoint-url are mutually exclusive.", remedy="Omit one of them."
        )
    require_region_name(target.region)
    region = target.region or cloud.region
    description = cloud.description[:1].upper() + cloud.description[1:]
    connection = AwsConnection(
        session=session_on_demand(lambda: _create_session(cloud, region)),
        endpoint_url=cloud.endpoint_url,
        description=description,
        configuration=_configure_requests(cloud, region),
    )
    connection.direct = DirectRequests(
        endpoint_url=cloud.endpoint_url,
        region=region,
        access_key=cloud.access_key,
        secret_key=cloud.secret_key,
        wait_for_turn=connection.waits.wait_for_turn,
    )
    return connection


def _create_session(cloud: LocalCloudEndpoint, region: str) -> boto3.Session:
    import boto3
    from botocore.config import Config

    from scar.aws.client import sdk

    # AWS_PROFILE may name a profile that this machine does not have, and a proxy cannot reach
    # the loopback interface of this machine.
    core = sdk.new_session({"profile": (None, None, None, None)})
    core.set_default_client_config(Config(proxies={}))
    return boto3.Session(
        aws_access_key_id=cloud.access_key,
        aws_secret_access_key=cloud.secret_key,
        region_name=region,
        botocore_session=core,
    )


def _configure_requests(cloud: LocalCloudEndpoint, region: str) -> DirectConfiguration:
    origin = parse_endpoint(cloud.endpoint_url, "the local cloud's address")
    keys = Credentials(access_key=cloud.access_key, secret_key=cloud.secret_key)
    return DirectConfiguration(
        region=region,
        credentials=StaticCredentials(keys),
        connections=connection_pool(context_factory("", os.environ), os.environ, proxies={}),
        find_endpoint=CustomEndpoint(origin, region),
        sts=origin,
    )
