"""Check with IAM whether the caller may pass the roles to the services (``iam:PassRole``)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.client.connection import AwsConnection

_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRoleCheck:
    """Sentences for the user: ``failures`` will stop the deployment, ``unknown`` may do so."""

    failures: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def check_pass_role(
    connection: AwsConnection,
    roles: Mapping[str, Sequence[str]],
    instance_profiles: Sequence[str] = (),
) -> PassRoleCheck:
    """Find reasons why the roles cannot be passed; ``roles`` are ARNs by service (``lambda``).

    The user's own roles must exist and trust the service; scar's roles may not exist yet. So must
    the roles in ``instance_profiles``, the names of the user's own, which EC2 receives.
    Whether the caller may pass each role is simulated by IAM, without passing it.
    """
    profiles, in_profiles = _read_instance_profiles(connection, instance_profiles)
    if in_profiles:
        roles = {**roles, "ec2": (*roles.get("ec2", ()), *in_profiles)}
    with ThreadPoolExecutor(2) as pool:
        simulated = pool.submit(_simulate_pass_role, connection, roles)
        return _merge_checks([profiles, _check_user_roles(connection, roles), simulated.result()])


def _read_instance_profiles(
    connection: AwsConnection, instance_profiles: Sequence[str]
) -> tuple[PassRoleCheck, tuple[str, ...]]:
    """Return the ARNs of the roles in the instance profiles, and what is wrong with these."""
    failures, unknown, roles = list[str](), list[str](), list[str]()
    for name in instance_profiles:
        try:
            profile = connection.client("iam").get_instance_profile(InstanceProfileName=name)
        except errors.SDK_ERRORS as error:
            if errors.error_code(error) == "NoSuchEntity":
                failures.append(
                    f"The instance profile {name} does not exist: correct"
                    " batch.compute_resources.instance_role in the FDL."
                )
            else:
                unknown.append(
                    f"The instance profile {name} cannot be read (iam:GetInstanceProfile): {error}"
                )
            continue
        found = [role["Arn"] for role in profile["InstanceProfile"]["Roles"]]
        if not found:
            unknown.append(
                f"The instance profile {name} has no role: AWS Batch can start no instance with it."
            )
        roles += found
    return PassRoleCheck(failures=tuple(failures), unknown=tuple(unknown)), tuple(roles)


def trusts_service(trust: object, service: str) -> bool:
    """Return whether a trust policy allows the service to assume the role.

    Conditions and actions are ignored.
    """
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
    """Check the roles that scar does not create: those outside its IAM path."""
    services_by_role: dict[str, list[str]] = {}
    for service, arns in roles.items():
        for arn in arns:
            if f":role{names.ROLE_PATH}" not in arn:
                services_by_role.setdefault(arn, []).append(service)
    return _merge_checks(
        [
            _check_user_role(connection, arn, services_by_role[arn])
            for arn in sorted(services_by_role)
        ]
    )


def _check_user_role(
    connection: AwsConnection, role: str, services: Sequence[str]
) -> PassRoleCheck:
    try:
        described = connection.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) == "NoSuchEntity":
            return PassRoleCheck(
                failures=(
                    f"The role {role} does not exist: correct {_fdl_key(services)} in the FDL.",
                )
            )
        return PassRoleCheck(unknown=(f"The role {role} cannot be read (iam:GetRole): {error}",))
    trust = described["AssumeRolePolicyDocument"]
    return PassRoleCheck(
        failures=tuple(
            f"{service}.amazonaws.com cannot assume the role {role}: add it to its trust policy."
            for service in services
            if not trusts_service(trust, service)
        )
    )


def _fdl_key(services: Sequence[str]) -> str:
    """Return the key of the FDL that names a role which is passed to these services."""
    return "batch.service_role" if [*services] == ["batch"] else "iam.role"


def _merge_checks(checks: Sequence[PassRoleCheck]) -> PassRoleCheck:
    return PassRoleCheck(
        failures=tuple(sentence for check in checks for sentence in check.failures),
        unknown=tuple(sentence for check in checks for sentence in check.unknown),
    )


def _simulate_pass_role(
    connection: AwsConnection, roles: Mapping[str, Sequence[str]]
) -> PassRoleCheck:
    """Simulate iam:PassRole for the caller; IAM cannot simulate the root user, who may pass all."""
    caller = connection.principal
    if caller.endswith(":root") or not any(roles.values()):
        return PassRoleCheck()
    try:
        source = _simulation_source(connection, caller)
        with ThreadPoolExecutor(3) as pool:
            results = pool.map(
                lambda item: _simulate_for_service(connection, source, *item), sorted(roles.items())
            )
            checks = list(results)
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) in _NOT_SUPPORTED_CODES:
            return PassRoleCheck()
        return PassRoleCheck(unknown=(f"Cannot simulate iam:PassRole for {caller}: {error}",))
    return _merge_checks(checks)


def _simulation_source(connection: AwsConnection, caller: str) -> str:
    """Return the principal to simulate: for a role session its role, which has the policies."""
    _, found, rest = caller.partition(":assumed-role/")
    if not found:
        return caller
    role = connection.client("iam").get_role(RoleName=rest.partition("/")[0])
    return role["Role"]["Arn"]


def _simulate_for_service(
    connection: AwsConnection, source: str, service: str, roles: Sequence[str]
) -> PassRoleCheck:
    """Simulate for one service: policies may restrict ``iam:PassedToService``."""
    if not roles:
        return PassRoleCheck()
    response = connection.client("iam").simulate_principal_policy(
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
    denied, unknown = [], []
    for result in response["EvaluationResults"]:
        role = result.get("EvalResourceName", "")
        if result["EvalDecision"] == "allowed":
            continue
        if missing := result.get("MissingContextValues"):
            unknown.append(
                f"Whether {source} may pass {role} to {service} depends on {', '.join(missing)}."
            )
        else:
            denied.append(
                f"{source} may not pass the role {role} to {service}"
                f" ({result['EvalDecision']}): allow iam:PassRole on it."
            )
    return PassRoleCheck(failures=tuple(denied), unknown=tuple(unknown))
