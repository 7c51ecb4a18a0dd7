"""Inspect the account before the first change: buckets, networks, quotas, secrets, roles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.account import buckets, network, quotas
from scar.aws.account.file_systems import FileSystemState, read_file_systems
from scar.aws.account.pass_role import PassRoleCheck, check_pass_role
from scar.aws.account.quotas import Quotas
from scar.aws.account.secret_states import find_missing_secrets
from scar.aws.client.errors import translate_errors
from scar.aws.compile.passed_roles import custom_instance_profiles, passed_roles
from scar.aws.model.vcpu_quotas import quotas_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.account.buckets import BucketState
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork

    # Subnets and security groups as the FDL names them; both empty: the default VPC.
    NetworkIds = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """The part of an account that the plan and the account checks depend on.

    Networks are by function name: ``job_networks`` of functions that use Batch,
    ``function_networks`` of those in a VPC. ``buckets`` are by bucket name, and ``file_systems``,
    which jobs mount, by the ARN of the access point. ``missing_secrets`` are references.
    """

    account: Account
    job_networks: Mapping[str, VpcNetwork] = field(default_factory=dict)
    function_networks: Mapping[str, VpcNetwork] = field(default_factory=dict)
    buckets: Mapping[str, BucketState] = field(default_factory=dict)
    file_systems: Mapping[str, FileSystemState] = field(default_factory=dict)
    missing_secrets: frozenset[str] = frozenset()
    quotas: Quotas = field(default_factory=Quotas)
    pass_role_check: PassRoleCheck = field(default_factory=PassRoleCheck)

    @property
    def kms_keys(self) -> dict[str, str]:
        """The ARNs of the KMS keys that the functions' roles must be allowed to use, by bucket.

        The AWS managed key ``aws/s3`` is left out: it admits every principal that S3 admits. So
        is an alias, since policies need the key's ARN.
        """
        arns = {name: self._key_arn(bucket.kms_key) for name, bucket in self.buckets.items()}
        return {name: arn for name, arn in arns.items() if arn}

    @property
    def file_system_ids(self) -> dict[str, str]:
        """The ids of file systems, by the ARN of the access point."""
        return {p: s.file_system for p, s in self.file_systems.items() if s.file_system}

    def _key_arn(self, key: str) -> str:
        if not key or "alias/" in key:
            return ""
        return key if key.startswith("arn:") else self.account.arn("kms", f"key/{key}")


def inspect_account(connection: AwsConnection, functions: Sequence[Function]) -> AccountState:
    """Read all parts of the account's state in parallel; raises ScarError."""
    account = connection.account
    vcpu_quotas = {
        quota
        for f in functions
        if f.batch is not None
        for environment in f.batch.environments
        for quota in quotas_of(
            environment.type,
            environment.instance_types,
            f.lambda_.architecture,
            f.batch.gpu_count,
        )
    }
    with ThreadPoolExecutor(4) as pool:
        networks = pool.submit(_find_networks, connection, functions)
        bucket_states = pool.submit(_inspect_buckets, connection, functions)
        file_systems = pool.submit(read_file_systems, connection, functions)
        missing_secrets = pool.submit(find_missing_secrets, connection, functions)
        quota_values = pool.submit(quotas.read_quotas, connection, vcpu_quotas)
        roles = pool.submit(
            check_pass_role,
            connection,
            passed_roles(functions, account),
            custom_instance_profiles(functions),
        )
        network_by_ids = networks.result()
        return AccountState(
            account=account,
            job_networks={
                f.name: network_by_ids[_job_network_ids(f)]
                for f in functions
                if f.batch is not None
            },
            function_networks={
                f.name: network_by_ids[_function_network_ids(f)]
                for f in functions
                if f.lambda_.vpc.subnets
            },
            buckets=bucket_states.result(),
            file_systems=file_systems.result(),
            missing_secrets=missing_secrets.result(),
            quotas=quota_values.result(),
            pass_role_check=roles.result(),
        )


def has_network(function: Function) -> bool:
    """Return whether the function or its jobs run in a VPC of the account."""
    return function.batch is not None or bool(function.lambda_.vpc.subnets)


def _inspect_buckets(
    connection: AwsConnection, functions: Sequence[Function]
) -> dict[str, BucketState]:
    with translate_errors("inspect the buckets"):
        bucket_names = {b for f in functions for b in (*f.buckets, *f.read_buckets)}
        return buckets.inspect_buckets(
            connection.client("s3"), bucket_names, lambda: connection.client("kms")
        )


def _find_networks(
    connection: AwsConnection, functions: Sequence[Function]
) -> dict[NetworkIds, VpcNetwork]:
    """Read each network once; most functions have none, or share one."""
    network_ids = {_job_network_ids(f) for f in functions if f.batch is not None}
    network_ids |= {_function_network_ids(f) for f in functions if f.lambda_.vpc.subnets}
    if not network_ids:
        return {}
    # The nodes of multi-node jobs have no public address.
    private = {_job_network_ids(f) for f in functions if f.batch is not None and f.batch.nodes}
    ec2, ordered = connection.client("ec2"), sorted(network_ids)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda ids: network.find_network(ec2, *ids, private=ids in private), ordered
        )
        return dict(zip(ordered, found, strict=True))


def _job_network_ids(function: Function) -> NetworkIds:
    compute = function.batch.compute_resources if function.batch else None
    return (compute.subnets, compute.security_group_ids) if compute else ((), ())


def _function_network_ids(function: Function) -> NetworkIds:
    return function.lambda_.vpc.subnets, function.lambda_.vpc.security_group_ids
