"""May whoever deploys hand the roles over? IAM is asked, not tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.client.connection import AwsConnection

_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRoleCheck:
    """``refused`` are sentences of what surely fails, ``unknown`` of what could not be told."""

    failures: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def check_pass_role(connection: AwsConnection, roles: Mapping[str, Sequence[str]]) -> PassRoleCheck:
    """Say what stands against handing roles over; ``roles`` are ARNs by service (``lambda``).

    Roles of the user's must exist and let the service take them; scar's own may not be there
    yet. Whether the caller may pass them is simulated.
    """
    with ThreadPoolExecutor(2) as pool:
        simulated = pool.submit(_simulate_pass_role, connection, roles)
        return _merge_checks([_check_user_roles(connection, roles), simulated.result()])


def trusts_service(trust: object, service: str) -> bool:
    """Say whether a trust policy names the service; conditions are not looked at."""
    statements = trust.get("Statement", []) if isinstance(trust, dict) else []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        if principal == "*" and statement.get("Effect") == "Allow":
            return True
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        services = [named] if isinstance(named, str) else named
        allows = statement.get("Effect") == "Allow"
        if allows and any(s.partition(".amazonaws.com")[0] == service for s in services):
            return True
    return False


def _check_user_roles(
    connection: AwsConnection, roles: Mapping[str, Sequence[str]]
) -> PassRoleCheck:
    """Look at the roles that scar does not make."""
    wanted: dict[str, list[str]] = {}
    for service, arns in roles.items():
        for arn in arns:
            if f":role{names.ROLE_PATH}" not in arn:
                wanted.setdefault(arn, []).append(service)
    return _merge_checks([_check_user_role(connection, arn, wanted[arn]) for arn in sorted(wanted)])


def _check_user_role(
    connection: AwsConnection, role: str, services: Sequence[str]
) -> PassRoleCheck:
    try:
        found = connection.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]
    except faults.SDK_ERRORS as error:
        if faults.error_code(error) == "NoSuchEntity":
            return PassRoleCheck(
                failures=(f"There is no role {role}: correct iam.role in the FDL.",)
            )
        return PassRoleCheck(unknown=(f"The role {role} could not be looked at: {error}",))
    trust = found["AssumeRolePolicyDocument"]
    return PassRoleCheck(
        failures=tuple(
            f"{service}.amazonaws.com may not take the role {role}: let its trust policy name it."
            for service in services
            if not trusts_service(trust, service)
        )
    )


def _merge_checks(some: Sequence[PassRoleCheck]) -> PassRoleCheck:
    return PassRoleCheck(
        failures=tuple(sentence for one in some for sentence in one.failures),
        unknown=tuple(sentence for one in some for sentence in one.unknown),
    )


def _simulate_pass_role(
    connection: AwsConnection, roles: Mapping[str, Sequence[str]]
) -> PassRoleCheck:
    """Simulate iam:PassRole for whoever calls.

    The account's root may do all and is not simulated.
    """
    caller = connection.principal
    if caller.endswith(":root") or not any(roles.values()):
        return PassRoleCheck()
    try:
        source = _simulation_source(connection, caller)
        with ThreadPoolExecutor(3) as pool:
            each = pool.map(
                lambda item: _simulate_for_service(connection, source, *item), sorted(roles.items())
            )
            found = list(each)
    except faults.SDK_ERRORS as error:
        if faults.error_code(error) in _NOT_SUPPORTED_CODES:
            return PassRoleCheck()
        return PassRoleCheck(
            unknown=(f"Whether {caller} may pass the roles is not known: {error}",)
        )
    return _merge_checks(found)


def _simulation_source(connection: AwsConnection, caller: str) -> str:
    """Return the role behind a session: sessions have no policies that IAM could simulate."""
    _, found, rest = caller.partition(":assumed-role/")
    if not found:
        return caller
    role = connection.client("iam").get_role(RoleName=rest.partition("/")[0])
    return role["Role"]["Arn"]


def _simulate_for_service(
    connection: AwsConnection, source: str, service: str, roles: Sequence[str]
) -> PassRoleCheck:
    """Ask for one service, since policies may allow to pass a role to some only."""
    if not roles:
        return PassRoleCheck()
    answered = connection.client("iam").simulate_principal_policy(
        PolicySourceArn=source,
        ActionNames=["iam:PassRole"],
        ResourceArns=sorted(set(roles)),
        ContextEntries=[
            {
                "ContextKeyName": "iam:PassedToService",
                "ContextKeyValues": [f"{service}.amazonaws.com"],
                "ContextKeyType": "string",
            }
        ],
    )
    refused, unknown = [], []
    for result in answered["EvaluationResults"]:
        role = result.get("EvalResourceName", "")
        if result["EvalDecision"] == "allowed":
            continue
        if missing := result.get("MissingContextValues"):
            unknown.append(
                f"Whether {source} may pass {role} to {service} depends on {', '.join(missing)}."
            )
        else:
            refused.append(
                f"{source} may not pass the role {role} to {service}"
                f" ({result['EvalDecision']}): allow iam:PassRole on it."
            )
    return PassRoleCheck(failures=tuple(refused), unknown=tuple(unknown))
