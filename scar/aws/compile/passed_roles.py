"""The roles that scar passes to AWS services, each of which needs ``iam:PassRole``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import batch, failure_handler
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def passed_roles(functions: Sequence[Function], account: Account) -> dict[str, tuple[str, ...]]:
    """Return the ARNs of the passed roles by service: ``lambda``, ``ecs-tasks``, ``ec2``…

    Without the roles in ``custom_instance_profiles``, which only IAM knows. ``batch`` is the custom
    service role of compute environments, missing if there is none.
    """
    passed: dict[str, set[str]] = {"lambda": set(), "ecs-tasks": set(), "ec2": set()}
    for function in functions:
        passed["lambda"].add(_role_arn(function, account, "lambda"))
        if failure_handler.handles(function):
            passed["lambda"].add(_generated_role_arn(names.FAILURE_HANDLER, account, "lambda"))
        if function.batch is None:
            continue
        passed["ecs-tasks"].add(_role_arn(function, account, "job"))
        if service_role := function.batch.service_role:
            arn = service_role if service_role.startswith("arn:") else ""
            named = account.iam_arn(f"role/{service_role}")
            passed.setdefault("batch", set()).add(arn or named)
        compute = function.batch.compute_resources
        if compute.is_fargate:
            passed["ecs-tasks"].add(_role_arn(function, account, "exec"))
        elif not compute.instance_role:
            generated = names.instance_role_name(account.region)
            passed["ec2"].add(account.iam_arn(f"role{names.ROLE_PATH}{generated}"))
    return {service: tuple(sorted(arns)) for service, arns in passed.items()}


def custom_instance_profiles(functions: Sequence[Function]) -> tuple[str, ...]:
    """Return the names of the instance profiles that the FDL names, by ARN or by name."""
    specs = (f.batch.compute_resources for f in functions if f.batch is not None)
    named = {spec.instance_role.rpartition("/")[2] for spec in specs if not spec.is_fargate}
    return tuple(sorted(named - {""}))


def _role_arn(function: Function, account: Account, purpose: str) -> str:
    custom = batch.user_role_arn(function, account)
    return custom or _generated_role_arn(function.name, account, purpose)


def _generated_role_arn(name: str, account: Account, purpose: str) -> str:
    """Return the ARN of a role that scar creates."""
    return account.iam_arn(f"role{names.ROLE_PATH}{names.role_name(name, account.region, purpose)}")
