"""What the person who runs scar must be allowed to do: the table of ``calls``, with ARNs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies import arns
from scar.aws.compile.policies.document import allow_statement, policy_document
from scar.aws.compile.policies.grants import GRANTS, iam_action
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scar.aws.compile.policies.document import PolicyStatement
    from scar.aws.compile.policies.grants import Grant
    from scar.aws.compile.policies.scope import PolicyScope
    from scar.aws.model.account import Account

# A managed policy holds so many characters; blanks are not counted.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_POLICY_LENGTH = 6144
_BOUNDARY_ACTIONS = frozenset(
    {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
)


def user_policies(scope: PolicyScope) -> tuple[str, ...]:
    """Return the policy in one document, or in as many as it takes to be within ``LONGEST``."""
    found: list[list[PolicyStatement]] = []
    for statement in (
        part for whole in _build_statements(scope) for part in _split_statement(whole)
    ):
        room = (some for some in found if _fits_policy([*some, statement]))
        if (some := next(room, None)) is not None:
            some.append(statement)
        else:
            found.append([statement])
    return tuple(map(policy_document, found))


def _fits_policy(statements: Sequence[PolicyStatement]) -> bool:
    return len(policy_document(statements)) <= MAX_POLICY_LENGTH


def _split_statement(statement: PolicyStatement) -> Iterator[PolicyStatement]:
    """Divide a statement by its resources until each part fits into a document."""
    resources = statement["Resource"]
    if _fits_policy([statement]) or not isinstance(resources, list):
        yield statement
        return
    half = len(resources) // 2
    for some in (resources[:half], resources[half:]):
        yield from _split_statement({**statement, "Resource": _one_or_list(some)})


def _build_statements(scope: PolicyScope) -> list[PolicyStatement]:
    merged: dict[tuple[str, ...], set[str]] = {}
    for grant in GRANTS:
        resources = arns.arns_of(grant.target, scope)
        if grant.feature in scope.features and resources and grant.target != "launch templates":
            merged.setdefault(resources, set()).update(_unconditional_actions(grant, scope))
    return [
        *(
            allow_statement(*sorted(actions), Resource=_one_or_list(on))
            for on, actions in merged.items()
            if actions
        ),
        *_boundary_statements(scope),
        *_launch_template_statements(scope),
        *_pass_role_statements(scope),
    ]


def _unconditional_actions(grant: Grant, scope: PolicyScope) -> set[str]:
    """Return what is granted without conditions."""
    actions = {*map(iam_action, grant.operations), *grant.extra_actions}
    if not scope.boundary:
        return actions
    return actions - _BOUNDARY_ACTIONS - {"iam:DeleteRolePermissionsBoundary"}


def _boundary_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Let roles be made only under the boundary, and none be freed of it."""
    if scope.boundary and "own roles" in scope.features:
        under = {"StringEquals": {"iam:PermissionsBoundary": scope.boundary}}
        roles = _one_or_list(arns.arns_of("passed roles", scope))
        yield allow_statement(*sorted(_BOUNDARY_ACTIONS), Resource=roles, Condition=under)


def _launch_template_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Launch templates are told from others by their tag: EC2 makes up their ARNs."""
    if "templates" not in scope.features:
        return
    resource = _one_or_list(arns.arns_of("launch templates", scope))
    for what, where in (("Create", "RequestTag"), ("Delete", "ResourceTag")):
        tagged = {"StringEquals": {f"aws:{where}/{names.MANAGED_TAG}": "true"}}
        yield allow_statement(f"ec2:{what}LaunchTemplate", Resource=resource, Condition=tagged)
    creating = {"StringEquals": {"ec2:CreateAction": "CreateLaunchTemplate"}}
    yield allow_statement("ec2:CreateTags", Resource=resource, Condition=creating)


def _pass_role_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Let roles be passed to the services that take them, and Batch make its own."""
    made = arns.arns_of("passed roles", scope) if "own roles" in scope.features else ()
    yield from _allow_pass_role((*scope.roles, *made), _services_given_roles(scope), scope.account)
    yield from _allow_pass_role(scope.instance_roles, ("ec2",), scope.account)
    yield from _allow_pass_role(scope.service_roles, ("batch",), scope.account)
    if "batch" in scope.features and not scope.service_roles:
        # The ARN names the service: a condition would say it once more.
        linked = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        yield allow_statement("iam:CreateServiceLinkedRole", Resource=scope.account.iam_arn(linked))


def _allow_pass_role(
    roles: Sequence[str], to: Iterable[str], account: Account
) -> Iterator[PolicyStatement]:
    services = sorted(_service_principal(service, account) for service in to)
    if roles:
        condition = {"StringEquals": {"iam:PassedToService": _one_or_list(services)}}
        yield allow_statement("iam:PassRole", Resource=_one_or_list(roles), Condition=condition)


def _services_given_roles(scope: PolicyScope) -> Iterator[str]:
    yield "lambda"
    if "batch" in scope.features:
        yield "ecs-tasks"
    if "instances" in scope.features:
        yield "ec2"


def _service_principal(service: str, account: Account) -> str:
    """EC2 is a principal of its partition's domain in China; the other services are not."""
    return f"{service}.{account.domain if service == 'ec2' else 'amazonaws.com'}"


def _one_or_list(values: Sequence[str]) -> object:
    return values[0] if len(values) == 1 else list(values)
