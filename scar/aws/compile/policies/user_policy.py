"""The policy for the caller, the identity that runs scar: the table of grants, with ARNs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scar.aws.compile.policies import arns
from scar.aws.compile.policies.document import allow_statement, policy_document
from scar.aws.compile.policies.grants import GRANTS
from scar.aws.compile.policies.iam_actions import iam_action
from scar.aws.compile.policies.patterns import literal_pattern, literal_value
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scar.aws.compile.policies.document import PolicyStatement
    from scar.aws.compile.policies.grant import Grant, GrantTarget
    from scar.aws.compile.policies.scope import PolicyScope
    from scar.aws.model.account import Account

# Characters in a managed policy, white space not counted.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_POLICY_LENGTH = 6144
# Targets whose actions are allowed with a condition.
_CONDITIONAL = (
    "launch templates",
    "event sources",
    "tagged jobs",
    "new apis",
    "apis",
    "api tags",
)
_BOUNDARY_ACTIONS = frozenset(
    {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
)


def user_policies(scope: PolicyScope) -> tuple[str, ...]:
    """Return the policy as one document, or several if it exceeds ``MAX_POLICY_LENGTH``."""
    documents: list[list[PolicyStatement]] = []
    for statement in (
        part for original in _build_statements(scope) for part in _split_statement(original)
    ):
        fitting = (document for document in documents if _fits_policy([*document, statement]))
        if (document := next(fitting, None)) is not None:
            document.append(statement)
        else:
            documents.append([statement])
    return tuple(map(policy_document, documents))


def _fits_policy(statements: Sequence[PolicyStatement]) -> bool:
    return len(policy_document(statements)) <= MAX_POLICY_LENGTH


def _split_statement(statement: PolicyStatement) -> Iterator[PolicyStatement]:
    """Split a statement by its resources until each part fits into a document."""
    resources = statement["Resource"]
    if _fits_policy([statement]) or not isinstance(resources, list):
        yield statement
        return
    half = len(resources) // 2
    for part in (resources[:half], resources[half:]):
        yield from _split_statement({**statement, "Resource": _one_or_list(part)})


def _build_statements(scope: PolicyScope) -> list[PolicyStatement]:
    merged: dict[tuple[str, ...], set[str]] = {}
    for grant in GRANTS:
        resources = arns.arns_of(grant.target, scope)
        if grant.feature in scope.features and resources and grant.target not in _CONDITIONAL:
            merged.setdefault(resources, set()).update(_unconditional_actions(grant, scope))
    return [
        *(
            allow_statement(*sorted(actions), Resource=_one_or_list(on))
            for on, actions in merged.items()
            if actions
        ),
        *_boundary_statements(scope),
        *_launch_template_statements(scope),
        *_event_source_statements(scope),
        *_tagged_job_statements(scope),
        *_api_statements(scope),
        *_pass_role_statements(scope),
    ]


def _unconditional_actions(grant: Grant, scope: PolicyScope) -> set[str]:
    """Return the actions that are allowed without a condition."""
    actions = {*map(iam_action, grant.operations), *grant.extra_actions}
    if not scope.boundary:
        return actions
    return actions - _BOUNDARY_ACTIONS - {"iam:DeleteRolePermissionsBoundary"}


def _boundary_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Allow to create roles with the permissions boundary only; never allow to remove it."""
    if scope.boundary and "own roles" in scope.features:
        boundary = literal_value(scope.boundary)
        condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
        roles = _one_or_list(arns.arns_of("passed roles", scope))
        yield allow_statement(*sorted(_BOUNDARY_ACTIONS), Resource=roles, Condition=condition)


def _launch_template_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Restrict launch templates by their tag, since EC2 generates their ids."""
    if "templates" not in scope.features:
        return
    resource = _one_or_list(arns.arns_of("launch templates", scope))
    for what, where in (("Create", "RequestTag"), ("Delete", "ResourceTag")):
        tagged = {"StringEquals": {f"aws:{where}/{names.MANAGED_TAG}": "true"}}
        yield allow_statement(f"ec2:{what}LaunchTemplate", Resource=resource, Condition=tagged)
    creating = {"StringEquals": {"ec2:CreateAction": "CreateLaunchTemplate"}}
    yield allow_statement("ec2:CreateTags", Resource=resource, Condition=creating)


def _event_source_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Restrict event source mappings by their function, since Lambda generates their ids.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
    """
    if "arrays" in scope.features:
        (grant,) = (grant for grant in GRANTS if grant.target == "event sources")
        functions = _one_or_list(arns.arns_of("functions", scope))
        yield allow_statement(
            *sorted({*map(iam_action, grant.operations)}),
            Resource="*",
            Condition={"ArnLike": {"lambda:FunctionArn": functions}},
        )


def _tagged_job_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Restrict the tags of jobs to those of the functions, since Batch generates the jobs' ids."""
    if "clusters" in scope.features:
        yield allow_statement(
            "batch:TagResource",
            Resource=_one_or_list(arns.arns_of("tagged jobs", scope)),
            Condition=_with_function_tag("Request", scope),
        )


def _api_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Restrict HTTP APIs by their tag: those of others can neither be changed nor be tagged."""
    if "endpoints" not in scope.features:
        return
    conditions: dict[GrantTarget, Literal["Request", "Resource"]] = {
        "new apis": "Request",
        "api tags": "Request",
        "apis": "Resource",
    }
    for target, of in conditions.items():
        (grant,) = (grant for grant in GRANTS if grant.target == target)
        yield allow_statement(
            *sorted(_unconditional_actions(grant, scope)),
            Resource=_one_or_list(arns.arns_of(target, scope)),
            Condition=_with_function_tag(of, scope),
        )


def _with_function_tag(of: Literal["Request", "Resource"], scope: PolicyScope) -> object:
    """Return the condition that the request or resource has a tag of one of the functions."""
    functions = [name for name in scope.functions if name != names.FAILURE_HANDLER]
    return {"StringLike": {f"aws:{of}Tag/{names.FUNCTION_TAG}": _one_or_list(functions)}}


def _pass_role_statements(scope: PolicyScope) -> Iterator[PolicyStatement]:
    """Allow to pass roles to their services, and to create Batch's service-linked role."""
    created = arns.arns_of("passed roles", scope) if "own roles" in scope.features else ()
    yield from _allow_pass_role(
        (*_literal_patterns(scope.roles), *created), _services_given_roles(scope), scope.account
    )
    instance_roles, service_roles = map(
        _literal_patterns, (scope.instance_roles, scope.service_roles)
    )
    yield from _allow_pass_role(instance_roles, ("ec2",), scope.account)
    yield from _allow_pass_role(service_roles, ("batch",), scope.account)
    if "batch" in scope.features and not scope.service_roles:
        # The ARN contains the service, so a condition on `iam:AWSServiceName` adds nothing.
        linked = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        yield allow_statement("iam:CreateServiceLinkedRole", Resource=scope.account.iam_arn(linked))


def _literal_patterns(arns_of_roles: Iterable[str]) -> tuple[str, ...]:
    """Return patterns for the user's own roles, whose paths may contain ``*``, ``?`` and ``$``."""
    return tuple(map(literal_pattern, arns_of_roles))


def _allow_pass_role(
    roles: Sequence[str], to: Iterable[str], account: Account
) -> Iterator[PolicyStatement]:
    services = sorted(account.service_principal(service) for service in to)
    if roles:
        condition = {"StringEquals": {"iam:PassedToService": _one_or_list(services)}}
        yield allow_statement("iam:PassRole", Resource=_one_or_list(roles), Condition=condition)


def _services_given_roles(scope: PolicyScope) -> Iterator[str]:
    yield "lambda"
    if "batch" in scope.features:
        yield "ecs-tasks"
    if "instances" in scope.features:
        yield "ec2"


def _one_or_list(values: Sequence[str]) -> object:
    return values[0] if len(values) == 1 else list(values)
