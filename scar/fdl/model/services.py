"""The services around a function: IAM, CloudWatch Logs, Amazon ECR."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from scar.fdl.defaults import PROFILE_OF_FUNCTION, REGION_OF_FUNCTION, REPOSITORY_PREFIX
from scar.fdl.field_types import RepositoryPrefix, RolePolicy, check_log_retention, to_list
from scar.fdl.model.base import FdlModel
from scar.fdl.values.aws_names import RoleName


class IamSpec(FdlModel):
    """IAM roles."""

    boto_profile: str = Field("default", description=PROFILE_OF_FUNCTION)
    role: RoleName = Field(
        "",
        description="ARN or name of a role for the Lambda function and its jobs; empty: scar"
        " creates roles for each function",
    )
    create: StrictBool = Field(
        True,
        description="`false`: scar creates no roles; requires `role` and, for Batch on EC2,"
        " `batch.compute_resources.instance_role`",
    )
    policies: Annotated[tuple[RolePolicy, ...], BeforeValidator(to_list)] = Field(
        (),
        description="further policies of the roles that scar creates for the function and its jobs:"
        " ARNs of managed policies, and JSON files with a policy, relative to this file",
    )
    permissions_boundary: str = Field(
        "", description="ARN of the permissions boundary of the roles that scar creates"
    )


class CloudWatchSpec(FdlModel):
    """CloudWatch Logs."""

    boto_profile: str = Field("default", description=PROFILE_OF_FUNCTION)
    region: str = Field("", description=REGION_OF_FUNCTION)
    log_retention_policy_in_days: Annotated[int, AfterValidator(check_log_retention)] = Field(
        30,
        description="log retention in days: 1, 3, 5, 7, 14, 30, 60, 90 or another value"
        " that CloudWatch Logs accepts",
    )


class EcrSpec(FdlModel):
    """Amazon ECR repository of the function's image."""

    boto_profile: str = Field("default", description=PROFILE_OF_FUNCTION)
    region: str = Field("", description=REGION_OF_FUNCTION)
    prefix: RepositoryPrefix = Field(
        REPOSITORY_PREFIX,
        description="prefix of the repository's name, which is `<prefix>/<function>`",
    )
    delete_image: StrictBool = Field(
        True,
        description="`scar rm`, and `scar init` with `enabled: false`, delete the repository with"
        " its images; `false`: it is kept",
    )
