"""What the person who runs scar must be allowed to do: the table of ``calls``, with ARNs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from scar.aws import names
from scar.aws.policies.calls import GRANTS, PARTS, action
from scar.aws.policies.document import allow, document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scar.aws.account import Account
    from scar.aws.function import Function
    from scar.aws.policies.calls import Grant, On, Part
    from scar.aws.policies.document import Statement

ANY = "*"
# A managed policy holds so many characters, an inline policy of a role so many; blanks are not
# counted. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST = 6144
LONGEST_INLINE = 10_240
_NAME_KEPT = 48  # characters of a function's name that its roles' names always begin with
_BOUND = frozenset(
    {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the person is to work on; ``*`` stands for any, also as the account's id or Region.

    ``roles`` are ARNs of roles of the user's own. With a ``boundary``, only roles under it can
    be made.
    """

    account: Account
    functions: tuple[str, ...] = (ANY,)
    repositories: tuple[str, ...] = (f"{names.REPOSITORIES}/{ANY}",)
    buckets: tuple[str, ...] = (ANY,)
    roles: tuple[str, ...] = ()
    service_roles: tuple[str, ...] = ()
    boundary: str = ""
    parts: frozenset[Part] = frozenset(PARTS)


def scope_of(functions: Sequence[Function], account: Account) -> Scope:
    """Say what these functions need, and nothing that only others would."""
    given = {
        f.role if f.role.startswith("arn:") else account.iam_arn(f"role/{f.role}")
        for f in functions
        if f.role
    }
    boundaries = {f.boundary for f in functions}
    machines = [f.batch.compute for f in functions if f.batch is not None]
    parts: dict[Part, bool] = {
        "always": True,
        "own roles": any(not f.role for f in functions) or any(m.shares_role for m in machines),
        "batch": bool(machines),
        "instances": any(m.shares_role for m in machines),
        "templates": any(not m.is_fargate and (m.disk_gib or m.user_data) for m in machines),
        "vpc": any(f.subnets for f in functions),
        "efs": any(f.file_systems for f in functions),
    }
    delegate = [names.DELEGATE] if any(not f.role for f in functions) else []
    return Scope(
        account=account,
        functions=(*(f.name for f in functions), *delegate),
        repositories=(*(f.repository for f in functions), *map(names.repository, delegate)),
        buckets=tuple(sorted({bucket for f in functions for bucket in f.buckets})),
        roles=tuple(sorted(given)),
        service_roles=tuple(sorted({m.service_role for m in machines} - {""})),
        boundary=boundaries.pop() if len(boundaries) == 1 else "",
        parts=frozenset(part for part, there in parts.items() if there),
    )


def policy(scope: Scope) -> str:
    """Return the policy document; see ``LONGEST`` for how long it may be."""
    merged: dict[tuple[str, ...], set[str]] = {}
    for grant in GRANTS:
        resources = _resources(grant.on, scope)
        if grant.when in scope.parts and resources and not _is_special(grant, scope):
            actions = {*map(action, grant.operations), *grant.also}
            merged.setdefault(tuple(sorted(resources)), set()).update(actions)
    statements = [
        allow(*sorted(actions), Resource=_one(resources)) for resources, actions in merged.items()
    ]
    return document([*statements, *_bounded(scope), *_templates(scope), *_handed_over(scope)])


def _is_special(grant: Grant, scope: Scope) -> bool:
    return grant.on == "launch templates" or (grant.on == "roles" and bool(scope.boundary))


def _bounded(scope: Scope) -> Iterator[Statement]:
    """Let roles be made only under the boundary, and none be freed of it."""
    if not scope.boundary or "own roles" not in scope.parts:
        return
    (roles,) = (grant for grant in GRANTS if grant.on == "roles")
    resources = _one(_resources("roles", scope))
    under = {"StringEquals": {"iam:PermissionsBoundary": scope.boundary}}
    free = {*map(action, roles.operations), *roles.also} - _BOUND
    yield allow(*sorted(free - {"iam:DeleteRolePermissionsBoundary"}), Resource=resources)
    yield allow(*sorted(_BOUND), Resource=resources, Condition=under)


def _templates(scope: Scope) -> Iterator[Statement]:
    """Launch templates are told from others by their tag: EC2 makes up their ARNs."""
    if "templates" not in scope.parts:
        return
    resource = _one(_resources("launch templates", scope))
    for what, where in (("Create", "RequestTag"), ("Delete", "ResourceTag")):
        tagged = {"StringEquals": {f"aws:{where}/{names.MANAGED_TAG}": "true"}}
        yield allow(f"ec2:{what}LaunchTemplate", Resource=resource, Condition=tagged)
    creating = {"StringEquals": {"ec2:CreateAction": "CreateLaunchTemplate"}}
    yield allow("ec2:CreateTags", Resource=resource, Condition=creating)


def _handed_over(scope: Scope) -> Iterator[Statement]:
    """Let roles be passed to the services that take them, and Batch make its own."""
    passed = [*scope.roles, *(_resources("roles", scope) if "own roles" in scope.parts else ())]
    to = sorted({_of_partition(service, scope.account) for service in _services(scope)})
    if passed:
        condition = {"StringEquals": {"iam:PassedToService": _one(tuple(to))}}
        yield allow("iam:PassRole", Resource=_one(tuple(passed)), Condition=condition)
    if scope.service_roles:
        condition = {"StringEquals": {"iam:PassedToService": "batch.amazonaws.com"}}
        yield allow("iam:PassRole", Resource=_one(scope.service_roles), Condition=condition)
    elif "batch" in scope.parts:
        linked = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        yield allow(
            "iam:CreateServiceLinkedRole",
            Resource=scope.account.iam_arn(linked),
            Condition={"StringEquals": {"iam:AWSServiceName": "batch.amazonaws.com"}},
        )


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


def _resources(on: On, scope: Scope) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ARNS[on](scope)))


def _state_objects(scope: Scope) -> tuple[str, ...]:
    state = names.state_bucket(scope.account)
    own = [
        f"{kind}/{name}{end}"
        for name in scope.functions
        for kind, end in (("runs", "/*"), ("functions", ".json"))
    ]
    return tuple(scope.account.s3_arn(f"{state}/{key}") for key in ("locks/*", *own))


def _log_groups(scope: Scope) -> Iterator[str]:
    """Name the groups, and what is in them: some actions are judged with ``:*``, some without."""
    kinds = [names.lambda_log_group]
    if "batch" in scope.parts:
        kinds.append(names.batch_log_group)
    for function in scope.functions:
        for group in kinds:
            yield from _with_parts(scope.account.arn("logs", f"log-group:{group(function)}"))


def _definitions(scope: Scope) -> Iterator[str]:
    for function in scope.functions:
        if function != names.DELEGATE:
            yield from _with_parts(scope.account.arn("batch", f"job-definition/{function}"))


def _with_parts(arn: str) -> Iterator[str]:
    """Name a thing, and what follows it after a colon: a final ``*`` is both."""
    yield arn
    if not arn.endswith(ANY):
        yield f"{arn}:*"


def _roles(scope: Scope) -> Iterator[str]:
    """Yield the roles that scar makes for the functions, whatever service they are for."""
    region = scope.account.region
    own = [_role(function, region) for function in scope.functions]
    if "instances" in scope.parts:
        own.append(names.instance_role(region))
    return (scope.account.iam_arn(f"role{names.ROLE_PATH}{name}") for name in own)


def _role(function: str, region: str) -> str:
    name = names.role(function, region, "lambda")
    is_short = name == f"{function}-{region}-lambda"
    if is_short and ANY not in (function, region):
        return f"{function}-{region}-*"
    return f"{function.rstrip(ANY)[:_NAME_KEPT]}*"


def _each(service: str, resource: str, of: str) -> Callable[[Scope], Iterator[str]]:
    """Write ARNs of one form for all functions or buckets."""

    def arns(scope: Scope) -> Iterator[str]:
        for name in scope.functions if of == "functions" else scope.buckets:
            if service == "s3":
                yield scope.account.s3_arn(f"{name}{resource}")
            else:
                yield scope.account.arn(service, resource.format(name))

    return arns


def _of(service: str, *resources: str) -> Callable[[Scope], Iterator[str]]:
    """Write ARNs that are the same for all functions."""

    def arns(scope: Scope) -> Iterator[str]:
        write = scope.account.iam_arn if service == "iam" else partial(scope.account.arn, service)
        return (write(r.format(region=scope.account.region)) for r in resources)

    return arns


_ENVIRONMENTS, _QUEUES = "compute-environment/scar-*", "job-queue/scar-*"
_ARNS: Mapping[On, Callable[[Scope], Iterable[str]]] = {
    "anything": lambda _: (ANY,),
    "state bucket": lambda scope: (scope.account.s3_arn(names.state_bucket(scope.account)),),
    "state objects": _state_objects,
    "buckets": _each("s3", "", "buckets"),
    "folders": _each("s3", "/*/", "buckets"),
    "objects": _each("s3", "/*", "buckets"),
    "functions": _each("lambda", "function:{}", "functions"),
    "all functions": _of("lambda", "function:*"),
    "log groups": _log_groups,
    "repositories": lambda scope: (
        scope.account.arn("ecr", f"repository/{name}") for name in scope.repositories
    ),
    "roles": _roles,
    "identities": _of("iam", "instance-profile/*", "role/*", "user/*"),
    "instance profiles": _of("iam", f"instance-profile{names.ROLE_PATH}scar-instances-{{region}}"),
    "environments": _of("batch", _ENVIRONMENTS),
    "queues": _of("batch", _QUEUES),
    "queue parts": _of("batch", _ENVIRONMENTS, _QUEUES),
    "definitions": _definitions,
    "jobs": _of("batch", "job/*"),
    "launch templates": _of("ec2", "launch-template/*"),
}
