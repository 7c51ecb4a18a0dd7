"""The roles of a function's jobs and instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.compile.added_policies import added_policies
from scar.aws.model import names
from scar.aws.model.resources import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def user_role_arn(function: Function, account: Account) -> str:
    """Return the ARN of the custom role, which the FDL gives by ARN or name; empty for none."""
    role = function.iam.role
    return role if not role or role.startswith("arn:") else account.iam_arn(f"role/{role}")


def compile_roles(function: Function, flow: DataFlow) -> Iterator[Role]:
    account = flow.account
    if function.iam.role or function.batch is None:
        return
    yield Role(
        name=names.role_name(function.name, account.region, "job"),
        trust=policies.trust_policy("ecs-tasks", account),
        policy=policies.job_role(flow, execute_command=function.batch.enable_execute_command),
        boundary=function.iam.permissions_boundary,
        tags=function.tags,
        **added_policies(function),
    )
    if function.batch.compute_resources.is_fargate:
        yield Role(
            name=names.role_name(function.name, account.region, "exec"),
            trust=policies.trust_policy("ecs-tasks", account),
            policy=policies.execution_role(account, function.name, function.repository),
            boundary=function.iam.permissions_boundary,
            tags=function.tags,
        )
