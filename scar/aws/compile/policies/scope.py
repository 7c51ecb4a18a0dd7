"""The scope of a caller's policy: some functions with their resources, or all of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.compile.policies.grant import FEATURES
from scar.aws.compile.policies.patterns import literal_pattern
from scar.aws.compile.policies.secret_access import described_secrets
from scar.aws.model import names
from scar.aws.model.account import account_of_registry
from scar.fdl.defaults import REPOSITORY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scar.aws.compile.policies.grant import Feature
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScope:
    """What the caller works on; ``*`` means any, also as the account's id or Region.

    ``source_repositories`` are ARNs of repositories that users' images are read from. ``roles``,
    ``instance_roles`` and ``service_roles`` are ARNs of the user's own roles; ``secrets`` are those
    of Secrets Manager. ``storing_functions`` are those whose secrets of other stores are stored.
    With a ``boundary``, only roles with this permissions boundary can be created.
    """

    account: Account
    functions: tuple[str, ...] = (ANY,)
    repositories: tuple[str, ...] = (f"{REPOSITORY_PREFIX}/{ANY}",)
    source_repositories: tuple[str, ...] = ()
    buckets: tuple[str, ...] = (ANY,)
    roles: tuple[str, ...] = ()
    instance_roles: tuple[str, ...] = ()
    service_roles: tuple[str, ...] = ()
    boundary: str = ""
    secrets: tuple[str, ...] = (ANY,)
    storing_functions: tuple[str, ...] = (ANY,)
    features: frozenset[Feature] = frozenset(FEATURES)


def account_scope(account: Account) -> PolicyScope:
    """Return the scope of every possible function of the account, the failure handler included.

    Shells in jobs, the look-up of secrets and the storing of secrets are not in it: who may do
    these is named by the policy for a file.
    """
    return PolicyScope(
        account=account,
        source_repositories=(account.arn("ecr", f"repository/{ANY}"),),
        features=frozenset(FEATURES) - {"given roles", "secrets", "shell", "stores"},
    )


def scope_of(functions: Sequence[Function], account: Account) -> PolicyScope:
    """Return the scope of exactly these functions."""
    boundaries = {f.iam.permissions_boundary for f in functions}
    specs = [f.batch for f in functions if f.batch is not None]
    machines = [spec.compute_resources for spec in specs]
    instances = [m for m in machines if not m.is_fargate]
    endpoints = [f.endpoint for f in functions if f.endpoint is not None]
    signed = [e for e in endpoints if e.authentication == "IAM"]
    makes_hosts = any(m.uses_shared_role for m in machines)
    makes_roles = any(not f.iam.role for f in functions)
    parts: dict[Feature, bool] = {
        "always": True,
        "own roles": makes_roles or makes_hosts,
        "given roles": not makes_roles,
        "batch": bool(machines),
        "shares": any(spec.scheduling.share for spec in specs),
        "instances": makes_hosts,
        "templates": any(f.needs_launch_template for f in functions),
        "network": bool(machines) or any(f.lambda_.vpc.subnets for f in functions),
        "arrays": any(spec.array is not None for spec in specs),
        "endpoints": bool(endpoints),
        "signed apis": any(e.type_ == "http" for e in signed),
        "signed urls": any(e.type_ == "url" for e in signed),
        "efs": any(f.lambda_.file_system or (f.batch and f.batch.file_system) for f in functions),
        "clusters": any(spec.cluster for spec in specs),
        "secrets": any(f.secret_references for f in functions),
        "stores": any(f.stored_secrets for f in functions),
        "shell": any(spec.enable_execute_command for spec in specs),
    }
    failure_handler = [names.FAILURE_HANDLER] if makes_roles else []
    profiles = (m.instance_role for m in instances if m.instance_role)
    return PolicyScope(
        account=account,
        functions=(*(f.name for f in functions), *failure_handler),
        repositories=_unique_sorted(
            (
                *(f.repository for f in functions if f.lambda_.container.create_image),
                *map(names.repository_name, failure_handler),
            )
        ),
        source_repositories=_unique_sorted(_source_repository_arns(functions)),
        buckets=_unique_sorted(bucket for f in functions for bucket in f.buckets),
        roles=_unique_sorted(_role_arn(f.iam.role, account) for f in functions if f.iam.role),
        # The profile's role is not known without a request; usually it has the same name.
        instance_roles=_unique_sorted(
            profile.replace(":instance-profile/", ":role/") for profile in profiles
        ),
        service_roles=_unique_sorted(s.service_role for s in specs if s.service_role),
        boundary=boundaries.pop() if len(boundaries) == 1 else "",
        secrets=_unique_sorted(
            arn for f in functions for arn in described_secrets(f.secret_references, account)
        ),
        storing_functions=tuple(f.name for f in functions if f.stored_secrets),
        features=frozenset(part for part, there in parts.items() if there),
    )


def _source_repository_arns(functions: Sequence[Function]) -> Iterator[str]:
    """Yield the ECR repositories of the users' images, in any account."""
    for function in functions:
        image = function.lambda_.container.image
        host = image.partition("/")[0]
        if owner := account_of_registry(host):
            repository = literal_pattern(names.parse_repository(image))
            yield owner.arn("ecr", f"repository/{repository}")


def _role_arn(role: str, account: Account) -> str:
    return role if role.startswith("arn:") else account.iam_arn(f"role/{role}")


def _unique_sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
