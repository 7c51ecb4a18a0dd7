"""The ECR repository of a function's images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.model import names
from scar.aws.model.resources import EcrRepository

if TYPE_CHECKING:
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def compile_repository(function: Function, account: Account) -> EcrRepository:
    """Compile the function's repository.

    Its tags say whether ``scar rm``, which has no FDL file, may delete it with its images.
    """
    tags = function.lambda_.tags | {
        names.FUNCTION_TAG: function.name,
        names.MANAGED_TAG: "true",
        names.KEEP_TAG: "false" if function.ecr.delete_image else "true",
    }
    return EcrRepository(
        name=function.repository,
        policy=policies.repository_policy(account),
        lifecycle=policies.lifecycle_policy(),
        scan_on_push=True,
        tags=tuple(sorted(tags.items())),
    )
