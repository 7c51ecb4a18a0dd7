"""Roles, logs, repository, HTTP endpoint."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from scar.fdl.defaults import REPOSITORY_PREFIX
from scar.fdl.field_types import RepositoryPrefix, check_log_retention
from scar.fdl.model.base import FdlModel


class IamSpec(FdlModel):
    """Roles."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    role: str = Field(
        "", description="ARN or name of a role to use for everything; empty: scar makes the roles"
    )
    create: StrictBool = Field(
        True,
        description="`false`: scar makes no role; give `role` and, with Batch on EC2,"
        " `batch.compute_resources.instance_role`",
    )
    permissions_boundary: str = Field("", description="ARN of a boundary for roles that scar makes")


class CloudWatchSpec(FdlModel):
    """Logs."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    log_retention_policy_in_days: Annotated[int, AfterValidator(check_log_retention)] = Field(
        30, description="days that logs are kept"
    )


class ApiGatewaySpec(FdlModel):
    """SCAR's HTTP endpoint; refused until it is there, unless empty."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    name: str = Field("", description="not supported yet: must be empty")


class EcrSpec(FdlModel):
    """The repository of the composed image."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    prefix: RepositoryPrefix = Field(
        REPOSITORY_PREFIX,
        description="what the repository's name begins with: `<prefix>/<function>`",
    )
    delete_image: StrictBool = Field(True, description="`scar rm` removes the repository")
