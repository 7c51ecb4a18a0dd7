"""May whoever deploys hand the roles over? IAM is asked, not tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scar.aws import faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.connection import Connection

_NO_SUCH = frozenset({"404", "NotImplemented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """``refused`` are sentences of what surely fails, ``unknown`` of what could not be told."""

    refused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def ask(connection: Connection, roles: Mapping[str, Sequence[str]]) -> Passing:
    """Simulate iam:PassRole for whoever calls; ``roles`` are ARNs by service (``lambda``).

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
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and faults.code(error) in _NO_SUCH:
            return Passing()
        return Passing(unknown=(f"Whether {caller} may pass the roles is not known: {error}",))
    return Passing(
        refused=tuple(sentence for one in found for sentence in one.refused),
        unknown=tuple(sentence for one in found for sentence in one.unknown),
    )


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
