"""May whoever deploys hand the roles over? IAM is asked, not tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.client.connection import Connection

_NO_SUCH = frozenset({"404", "NotImplemented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """``refused`` are sentences of what surely fails, ``unknown`` of what could not be told."""

    refused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def ask(connection: Connection, roles: Mapping[str, Sequence[str]]) -> Passing:
    """Say what stands against handing roles over; ``roles`` are ARNs by service (``lambda``).

    Roles of the user's must exist and let the service take them; scar's own may not be there
    yet. Whether the caller may pass them is simulated.
    """
    with ThreadPoolExecutor(2) as pool:
        simulated = pool.submit(_simulated, connection, roles)
        return _all([_given(connection, roles), simulated.result()])


def lets(trust: object, service: str) -> bool:
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


def _given(connection: Connection, roles: Mapping[str, Sequence[str]]) -> Passing:
    """Look at the roles that scar does not make."""
    wanted: dict[str, list[str]] = {}
    for service, arns in roles.items():
        for arn in arns:
            if f":role{names.ROLE_PATH}" not in arn:
                wanted.setdefault(arn, []).append(service)
    return _all([_looked_at(connection, arn, wanted[arn]) for arn in sorted(wanted)])


def _looked_at(connection: Connection, role: str, services: Sequence[str]) -> Passing:
    try:
        found = connection.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]
    except faults.SDK_ERRORS as error:
        if faults.code(error) == "NoSuchEntity":
            return Passing(refused=(f"There is no role {role}: correct iam.role in the FDL.",))
        return Passing(unknown=(f"The role {role} could not be looked at: {error}",))
    trust = found["AssumeRolePolicyDocument"]
    return Passing(
        refused=tuple(
            f"{service}.amazonaws.com may not take the role {role}: let its trust policy name it."
            for service in services
            if not lets(trust, service)
        )
    )


def _all(some: Sequence[Passing]) -> Passing:
    return Passing(
        refused=tuple(sentence for one in some for sentence in one.refused),
        unknown=tuple(sentence for one in some for sentence in one.unknown),
    )


def _simulated(connection: Connection, roles: Mapping[str, Sequence[str]]) -> Passing:
    """Simulate iam:PassRole for whoever calls.

    The account's root may do all and is not simulated.
    """
    caller = connection.principal
    if caller.endswith(":root") or not any(roles.values()):
        return Passing()
    try:
        source = _simulable(connection, caller)
        with ThreadPoolExecutor(3) as pool:
            each = pool.map(lambda item: _one(connection, source, *item), sorted(roles.items()))
            found = list(each)
    except faults.SDK_ERRORS as error:
        if faults.code(error) in _NO_SUCH:
            return Passing()
        return Passing(unknown=(f"Whether {caller} may pass the roles is not known: {error}",))
    return _all(found)


def _simulable(connection: Connection, caller: str) -> str:
    """Return the role behind a session: sessions have no policies that IAM could simulate."""
    _, found, rest = caller.partition(":assumed-role/")
    if not found:
        return caller
    role = connection.client("iam").get_role(RoleName=rest.partition("/")[0])
    return role["Role"]["Arn"]


def _one(connection: Connection, source: str, service: str, roles: Sequence[str]) -> Passing:
    """Ask for one service, since policies may allow to pass a role to some only."""
    if not roles:
        return Passing()
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
    return Passing(refused=tuple(refused), unknown=tuple(unknown))
