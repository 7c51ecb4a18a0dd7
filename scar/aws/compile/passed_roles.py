"""The roles that scar passes to services: ``iam:PassRole`` must be allowed for each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import batch_resources as machines
from scar.aws.compile import failure_handler as delegate
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def roles_of(functions: Sequence[Function], account: Account) -> dict[str, tuple[str, ...]]:
    """Return the ARNs of the roles that are handed over, by the service that gets them."""
    passed: dict[str, set[str]] = {"lambda": set(), "ecs-tasks": set(), "ec2": set()}
    for function in functions:
        passed["lambda"].add(_role(function, account, "lambda"))
        if delegate.serves(function):
            passed["lambda"].add(_made(names.DELEGATE, account, "lambda"))
        if function.batch is None:
            continue
        passed["ecs-tasks"].add(_role(function, account, "job"))
        compute = function.batch.compute
        if compute.is_fargate:
            passed["ecs-tasks"].add(_role(function, account, "exec"))
        elif not compute.instance_profile:
            made = names.instance_role(account.region)
            passed["ec2"].add(account.iam_arn(f"role{names.ROLE_PATH}{made}"))
    return {service: tuple(sorted(arns)) for service, arns in passed.items()}


def _role(function: Function, account: Account, purpose: str) -> str:
    given = machines.given_role(function, account)
    return given or _made(function.name, account, purpose)


def _made(name: str, account: Account, purpose: str) -> str:
    """Return the ARN of a role that scar makes."""
    return account.iam_arn(f"role{names.ROLE_PATH}{names.role(name, account.region, purpose)}")
