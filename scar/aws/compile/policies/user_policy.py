"""What the person who runs scar must be allowed to do: the table of ``calls``, with ARNs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies import arns
from scar.aws.compile.policies.document import allow, document
from scar.aws.compile.policies.grants import GRANTS, action
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scar.aws.compile.policies.document import Statement
    from scar.aws.compile.policies.grants import Grant
    from scar.aws.compile.policies.scope import Scope
    from scar.aws.model.account import Account

# A managed policy holds so many characters; blanks are not counted.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST = 6144
_BOUND = frozenset(
    {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
)


def policies(scope: Scope) -> tuple[str, ...]:
    """Return the policy in one document, or in as many as it takes to be within ``LONGEST``."""
    found: list[list[Statement]] = []
    for statement in (part for whole in _statements(scope) for part in _parts(whole)):
        room = (some for some in found if _fits([*some, statement]))
        if (some := next(room, None)) is not None:
            some.append(statement)
        else:
            found.append([statement])
    return tuple(map(document, found))


def _fits(statements: Sequence[Statement]) -> bool:
    return len(document(statements)) <= LONGEST


def _parts(statement: Statement) -> Iterator[Statement]:
    """Divide a statement by its resources until each part fits into a document."""
    resources = statement["Resource"]
    if _fits([statement]) or not isinstance(resources, list):
        yield statement
        return
    half = len(resources) // 2
    for some in (resources[:half], resources[half:]):
        yield from _parts({**statement, "Resource": _one(some)})


def _statements(scope: Scope) -> list[Statement]:
    merged: dict[tuple[str, ...], set[str]] = {}
    for grant in GRANTS:
        resources = arns.of(grant.on, scope)
        if grant.when in scope.parts and resources and grant.on != "launch templates":
            merged.setdefault(resources, set()).update(_actions(grant, scope))
    return [
        *(allow(*sorted(actions), Resource=_one(on)) for on, actions in merged.items() if actions),
        *_bounded(scope),
        *_templates(scope),
        *_handed_over(scope),
    ]


def _actions(grant: Grant, scope: Scope) -> set[str]:
    """Return what is granted without conditions."""
    actions = {*map(action, grant.operations), *grant.also}
    if not scope.boundary:
        return actions
    return actions - _BOUND - {"iam:DeleteRolePermissionsBoundary"}


def _bounded(scope: Scope) -> Iterator[Statement]:
    """Let roles be made only under the boundary, and none be freed of it."""
    if scope.boundary and "own roles" in scope.parts:
        under = {"StringEquals": {"iam:PermissionsBoundary": scope.boundary}}
        roles = _one(arns.of("passed roles", scope))
        yield allow(*sorted(_BOUND), Resource=roles, Condition=under)


def _templates(scope: Scope) -> Iterator[Statement]:
    """Launch templates are told from others by their tag: EC2 makes up their ARNs."""
    if "templates" not in scope.parts:
        return
    resource = _one(arns.of("launch templates", scope))
    for what, where in (("Create", "RequestTag"), ("Delete", "ResourceTag")):
        tagged = {"StringEquals": {f"aws:{where}/{names.MANAGED_TAG}": "true"}}
        yield allow(f"ec2:{what}LaunchTemplate", Resource=resource, Condition=tagged)
    creating = {"StringEquals": {"ec2:CreateAction": "CreateLaunchTemplate"}}
    yield allow("ec2:CreateTags", Resource=resource, Condition=creating)


def _handed_over(scope: Scope) -> Iterator[Statement]:
    """Let roles be passed to the services that take them, and Batch make its own."""
    made = arns.of("passed roles", scope) if "own roles" in scope.parts else ()
    yield from _passing((*scope.roles, *made), _services(scope), scope.account)
    yield from _passing(scope.hosts, ("ec2",), scope.account)
    yield from _passing(scope.service_roles, ("batch",), scope.account)
    if "batch" in scope.parts and not scope.service_roles:
        # The ARN names the service: a condition would say it once more.
        linked = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        yield allow("iam:CreateServiceLinkedRole", Resource=scope.account.iam_arn(linked))


def _passing(roles: Sequence[str], to: Iterable[str], account: Account) -> Iterator[Statement]:
    services = sorted(_of_partition(service, account) for service in to)
    if roles:
        condition = {"StringEquals": {"iam:PassedToService": _one(services)}}
        yield allow("iam:PassRole", Resource=_one(roles), Condition=condition)


def _services(scope: Scope) -> Iterator[str]:
    yield "lambda"
    if "batch" in scope.parts:
        yield "ecs-tasks"
    if "instances" in scope.parts:
        yield "ec2"


def _of_partition(service: str, account: Account) -> str:
    """EC2 is a principal of its partition's domain in China; the other services are not."""
    return f"{service}.{account.domain if service == 'ec2' else 'amazonaws.com'}"


def _one(values: Sequence[str]) -> object:
    return values[0] if len(values) == 1 else list(values)
