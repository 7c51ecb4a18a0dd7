"""Connect to AWS with the user's credentials, and read the caller's account."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.plain_configuration import read_plain_configuration
from scar.aws.client.direct.session_on_demand import session_on_demand
from scar.aws.client.errors import CORRECT_REGION, NO_REGION, translate_errors
from scar.aws.client.region_names import require_region_name
from scar.errors import ConfigurationError
from scar.spelling import suggest_name
from supervisor.aws.endpoints import parse_endpoint
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3
    from botocore.session import Session

    from scar.aws.client.target import ConnectionTarget
    from scar.aws.model.account import Account

ENDPOINT_URL = "AWS_ENDPOINT_URL"  # and the same with the name of a service


def connect_to_aws(target: ConnectionTarget) -> AwsConnection:
    """Connect with the user's credentials and read their account id from AWS STS.

    The SDK is imported here only if it is needed to find the credentials or the endpoints.
    """
    _check_endpoints(target, os.environ)
    direct = read_plain_configuration(target, os.environ)
    if direct is None or direct.sts is None:
        session, region = _open_session(target), ""
    else:
        session = session_on_demand(lambda: _open_session(target))
        region = direct.region
    if not (region or session.region_name):
        # STS has a global endpoint and would answer; the first call of another service would fail.
        raise ConfigurationError("No Region is set.", remedy=NO_REGION)
    require_region_name(region or session.region_name)
    connection = AwsConnection(
        session=session, endpoint_url=target.endpoint_url or None, configuration=direct
    )
    account = _read_account(connection)
    # An endpoint may also come from AWS_ENDPOINT_URL, so the client is asked for it.
    if direct is not None and direct.sts is not None:
        address = str(direct.sts)
    else:
        address = connection.client("sts").meta.endpoint_url
    suffix = "" if "amazonaws.com" in address else f" at {address}"
    connection.description = f"AWS account {account.id}, {account.region}{suffix}"
    return connection


def _check_endpoints(target: ConnectionTarget, environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for an endpoint of the user's that is no URL of a server."""
    endpoints = {name: environ[name] for name in sorted(environ) if name.startswith(ENDPOINT_URL)}
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        endpoints = {}
    for source, url in {"--endpoint-url": target.endpoint_url, **endpoints}.items():
        try:
            if url:
                parse_endpoint(url, source)
        except ConfigError as error:
            raise ConfigurationError(error.problem, remedy=error.remedy) from error


def _open_session(target: ConnectionTarget) -> boto3.Session:
    import boto3

    with translate_errors("use the AWS configuration"):
        core = _create_session(target.profile)
        return boto3.Session(region_name=target.region or None, botocore_session=core)


def _create_session(profile: str) -> Session:
    """Return a session of this profile; a profile that does not exist is suggested another."""
    from botocore.exceptions import ProfileNotFound

    from scar.aws.client import sdk

    try:
        return sdk.new_session(profile=profile or None)
    except ProfileNotFound as error:
        profile = profile or str(error.kwargs.get("profile", ""))  # of AWS_PROFILE
        without_profile = sdk.new_session({"profile": (None, None, None, None)})
        suggestion = suggest_name(profile, without_profile.available_profiles)
        raise ConfigurationError(
            f"There is no AWS profile {profile}{suggestion or '.'}",
            remedy="See ~/.aws/config for the existing profiles.",
        ) from error


def _read_account(connection: AwsConnection) -> Account:
    """Return the caller's account; if the Region does not exist, suggest one that does."""
    try:
        return connection.account
    except ConfigurationError as error:
        region = connection.session.region_name
        regions = connection.session.get_available_regions("lambda")
        # AWS adds Regions faster than the SDK is updated: an unknown name alone is no error.
        if connection.endpoint_url or region in regions or not _cannot_connect(error):
            raise
        raise ConfigurationError(
            f"There seems to be no AWS Region {region}{suggest_name(region, regions) or '.'}"
            f" {error.problem}",
            remedy=f"{CORRECT_REGION} Or check the network.",
        ) from error


def _cannot_connect(error: ConfigurationError) -> bool:
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    return isinstance(error.__cause__, EndpointConnectionError | ConnectTimeoutError)
