"""The configuration of direct requests where it needs no SDK: keys as text, usual endpoints.

The SDK takes half a second to import. Whatever this module does not know, by a list of what it
does, is left to it (``session_configuration``), so that no setting is ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scar.aws.client.direct.bucket_endpoints import (
    choose_endpoints,
    is_usual_region,
    sts_endpoint,
)
from scar.aws.client.direct.configuration import DirectConfiguration
from scar.aws.client.direct.connections import connection_pool
from scar.aws.client.direct.trusted_certificates import context_factory
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.sigv4 import Credentials
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.target import ConnectionTarget
    from supervisor.aws.request import Origin

# Variables that this module reads, or that change nothing about requests to S3 and STS.
_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_OUTPUT",
        "AWS_DEFAULT_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_MAX_ATTEMPTS",  # scar has its own
        "AWS_PAGER",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_RETRY_MODE",  # scar has its own
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
)
_ENDPOINTS = "AWS_ENDPOINT_URL_"  # of one service
# Keys of a profile, likewise.
_PROFILE_KEYS = frozenset(
    {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "ca_bundle"}
    | {"cli_pager", "max_attempts", "output", "region", "retry_mode"}
)
Profile = dict[str, str]


def read_plain_configuration(
    target: ConnectionTarget, environ: Mapping[str, str]
) -> DirectConfiguration | None:
    """Return the configuration; None if only the SDK can say what it is, or what is wrong."""
    settings = [name for name in environ if name.startswith("AWS_")]
    if not all(environ[n] and (n in _VARIABLES or n.startswith(_ENDPOINTS)) for n in settings):
        return None
    profiles = _read_profiles(target.profile, environ)
    if profiles is None:
        return None
    config, keys = profiles
    credentials = _find_credentials(target, environ, config, keys)
    config = config | keys  # of other settings the SDK prefers those in the credentials file
    region = (
        target.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or config.get("region")
        or ""
    )
    if credentials is None or not is_usual_region(region):
        return None
    try:
        s3 = _find_endpoint("S3", target, environ)
        sts = _find_endpoint("STS", target, environ)
    except ConfigError:
        return None
    bundle = environ.get("AWS_CA_BUNDLE") or config.get("ca_bundle") or ""
    return DirectConfiguration(
        region=region,
        credentials=StaticCredentials(credentials),
        connections=connection_pool(context_factory(bundle, environ), environ),
        find_endpoint=choose_endpoints(region, s3),
        sts=sts or sts_endpoint(region),
    )


def _find_endpoint(
    service: str, target: ConnectionTarget, environ: Mapping[str, str]
) -> Origin | None:
    for name, url in (
        ("--endpoint-url", target.endpoint_url),
        (f"{_ENDPOINTS}{service}", environ.get(f"{_ENDPOINTS}{service}")),
        ("AWS_ENDPOINT_URL", environ.get("AWS_ENDPOINT_URL")),
    ):
        if url:
            return parse_endpoint(url, name)
    return None


def _find_credentials(
    target: ConnectionTarget, environ: Mapping[str, str], config: Profile, keys: Profile
) -> Credentials | None:
    """Return the keys: of the environment, unless an option names a profile, else of its files."""
    if not target.profile and "AWS_ACCESS_KEY_ID" in environ:
        access, secret = environ["AWS_ACCESS_KEY_ID"], environ.get("AWS_SECRET_ACCESS_KEY", "")
        token = environ.get("AWS_SESSION_TOKEN", "")
    else:
        chosen = keys if "aws_access_key_id" in keys else config
        access = chosen.get("aws_access_key_id", "")
        secret = chosen.get("aws_secret_access_key", "")
        token = chosen.get("aws_session_token", "")
    if not access or not secret:
        return None
    return Credentials(access_key=access, secret_key=secret, token=token)


def _read_profiles(name: str, environ: Mapping[str, str]) -> tuple[Profile, Profile] | None:
    """Return the profile's section of the configuration file, and that of the credentials file.

    None if there is no such profile, or if it has other keys than these.
    """
    name = name or environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE") or ""
    config_file = _expand(environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    keys_file = _expand(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
    if not config_file.exists() and not keys_file.exists():
        return None if name else ({}, {})
    from botocore.configloader import load_config, raw_config_parse
    from botocore.exceptions import BotoCoreError

    sections: list[dict[str, Any]] = []
    try:
        if config_file.exists():
            sections.append(load_config(str(config_file))["profiles"])
        else:
            sections.append({})
        sections.append(raw_config_parse(str(keys_file)) if keys_file.exists() else {})
    except (BotoCoreError, OSError):
        return None
    if name and not any(name in section for section in sections):
        return None
    config, keys = (section.get(name or "default", {}) for section in sections)
    if not (config.keys() | keys.keys()) <= _PROFILE_KEYS:
        return None
    return config, keys


def _expand(path: str) -> Path:
    import os

    return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111 as the SDK does
