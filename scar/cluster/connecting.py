"""Connect a program's cluster to AWS or to the local cloud, as the command line would."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scar.aws.client.connect import connect_to_aws
from scar.aws.client.target import ConnectionTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.connection import AwsConnection

LOCAL_VARIABLE = "SCAR_LOCAL"


def connect(
    *,
    local: bool | None = None,
    region: str = "",
    profile: str = "",
    environment: Mapping[str, str] | None = None,
) -> AwsConnection:
    """Connect to AWS, or to the local cloud, which is started if it does not run.

    ``local`` None: as SCAR_LOCAL says. SCAR_REGION and SCAR_PROFILE replace empty values, then
    the AWS SDK's configuration; a job uses the credentials of its role. Raise ConfigurationError.
    """
    environ = os.environ if environment is None else environment
    target = ConnectionTarget(
        local=is_local(environ) if local is None else local,
        region=region or environ.get("SCAR_REGION", ""),
        profile=profile or environ.get("SCAR_PROFILE", ""),
    )
    if not target.local:
        return connect_to_aws(target)
    from scar.local.connect import connect_to_local_cloud
    from scar.local.control import LocalCloudControl
    from scar.local.home import LocalCloudHome

    control = LocalCloudControl(LocalCloudHome.from_environment(environ), environ)
    # Regions and profiles of the environment are meant for AWS, as for `scar --local`.
    return connect_to_local_cloud(
        control.ensure_started(), ConnectionTarget(local=True, region=region)
    )


def is_local(environ: Mapping[str, str]) -> bool:
    """Return whether SCAR_LOCAL selects the local cloud, with the values that click accepts."""
    return environ.get(LOCAL_VARIABLE, "").strip().lower() in {"1", "true", "t", "yes", "y", "on"}
