"""What the account is like where functions are to be deployed, seen before the first change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.account import buckets, network, quotas
from scar.aws.account import pass_role as passing
from scar.aws.account.pass_role import PassRoleCheck
from scar.aws.account.quotas import Quotas
from scar.aws.client.errors import translate_errors
from scar.aws.compile.passed_roles import passed_roles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.account.buckets import BucketState
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork

    NetworkIds = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """``jobs`` are the networks of functions that use Batch, ``functions`` those in a VPC."""

    account: Account
    job_networks: Mapping[str, VpcNetwork] = field(default_factory=dict)
    function_networks: Mapping[str, VpcNetwork] = field(default_factory=dict)
    buckets: Mapping[str, BucketState] = field(default_factory=dict)
    quotas: Quotas = field(default_factory=Quotas)
    pass_role_check: PassRoleCheck = field(default_factory=PassRoleCheck)

    @property
    def kms_keys(self) -> dict[str, str]:
        """Return the ARNs of the keys that roles must be let to use, by bucket.

        S3's own key lets everybody in who may use the bucket. An alias is no ARN of a key.
        """
        named = {name: self._key_arn(seen.kms_key) for name, seen in self.buckets.items()}
        return {name: arn for name, arn in named.items() if arn}

    def _key_arn(self, key: str) -> str:
        if not key or "alias/" in key:
            return ""
        return key if key.startswith("arn:") else self.account.arn("kms", f"key/{key}")


def inspect_account(connection: AwsConnection, functions: Sequence[Function]) -> AccountState:
    """Look at everything at once; raises ScarError."""
    account = connection.account
    kinds = {
        (f.batch.compute_resources.type, f.batch.enable_gpu)
        for f in functions
        if f.batch is not None
    }
    with ThreadPoolExecutor(4) as pool:
        networks = pool.submit(_find_networks, connection, functions)
        seen = pool.submit(_inspect_buckets, connection, functions)
        allowed = pool.submit(quotas.read_quotas, connection, kinds)
        roles = pool.submit(passing.check_pass_role, connection, passed_roles(functions, account))
        found = networks.result()
        return AccountState(
            account=account,
            job_networks={
                f.name: found[_job_network_ids(f)] for f in functions if f.batch is not None
            },
            function_networks={
                f.name: found[_function_network_ids(f)] for f in functions if f.lambda_.vpc.subnets
            },
            buckets=seen.result(),
            quotas=allowed.result(),
            pass_role_check=roles.result(),
        )


def has_network(function: Function) -> bool:
    """Say whether its jobs or the function itself run in a network of the account."""
    return function.batch is not None or bool(function.lambda_.vpc.subnets)


def _inspect_buckets(
    connection: AwsConnection, functions: Sequence[Function]
) -> dict[str, BucketState]:
    with translate_errors("look at the buckets"):
        wanted = {bucket for function in functions for bucket in function.buckets}
        return buckets.inspect_buckets(
            connection.client("s3"), wanted, lambda: connection.client("kms")
        )


def _find_networks(
    connection: AwsConnection, functions: Sequence[Function]
) -> dict[NetworkIds, VpcNetwork]:
    """Find each network once; most functions have none, or the same."""
    given = {_job_network_ids(f) for f in functions if f.batch is not None}
    given |= {_function_network_ids(f) for f in functions if f.lambda_.vpc.subnets}
    if not given:
        return {}
    ec2, wanted = connection.client("ec2"), sorted(given)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda pair: network.find_network(ec2, *pair), wanted)
        return dict(zip(wanted, found, strict=True))


def _job_network_ids(function: Function) -> NetworkIds:
    compute = function.batch.compute_resources if function.batch else None
    return (compute.subnets, compute.security_group_ids) if compute else ((), ())


def _function_network_ids(function: Function) -> NetworkIds:
    return function.lambda_.vpc.subnets, function.lambda_.vpc.security_group_ids
