"""What the account is like where functions are to be deployed, seen before the first change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.account import buckets, network, quotas
from scar.aws.account import pass_role as passing
from scar.aws.account.pass_role import Passing
from scar.aws.account.quotas import Quotas
from scar.aws.client.errors import translated
from scar.aws.compile.passed_roles import roles_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.account.buckets import Seen
    from scar.aws.client.connection import Connection
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import Network

    Given = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``jobs`` are the networks of functions that use Batch, ``functions`` those in a VPC."""

    account: Account
    jobs: Mapping[str, Network] = field(default_factory=dict)
    functions: Mapping[str, Network] = field(default_factory=dict)
    buckets: Mapping[str, Seen] = field(default_factory=dict)
    quotas: Quotas = field(default_factory=Quotas)
    passing: Passing = field(default_factory=Passing)

    @property
    def kms_keys(self) -> dict[str, str]:
        """Return the ARNs of the keys that roles must be let to use, by bucket.

        S3's own key lets everybody in who may use the bucket. An alias is no ARN of a key.
        """
        named = {name: self._key_arn(seen.key) for name, seen in self.buckets.items()}
        return {name: arn for name, arn in named.items() if arn}

    def _key_arn(self, key: str) -> str:
        if not key or "alias/" in key:
            return ""
        return key if key.startswith("arn:") else self.account.arn("kms", f"key/{key}")


def look_around(connection: Connection, functions: Sequence[Function]) -> Site:
    """Look at everything at once; raises ScarError."""
    account = connection.account
    kinds = {(f.batch.compute.type, bool(f.batch.gpus)) for f in functions if f.batch is not None}
    with ThreadPoolExecutor(4) as pool:
        networks = pool.submit(_networks, connection, functions)
        seen = pool.submit(_buckets, connection, functions)
        allowed = pool.submit(quotas.read, connection, kinds)
        roles = pool.submit(passing.ask, connection, roles_of(functions, account))
        found = networks.result()
        return Site(
            account=account,
            jobs={f.name: found[_of_jobs(f)] for f in functions if f.batch is not None},
            functions={f.name: found[_of_function(f)] for f in functions if f.subnets},
            buckets=seen.result(),
            quotas=allowed.result(),
            passing=roles.result(),
        )


def has_network(function: Function) -> bool:
    """Say whether its jobs or the function itself run in a network of the account."""
    return function.batch is not None or bool(function.subnets)


def _buckets(connection: Connection, functions: Sequence[Function]) -> dict[str, Seen]:
    with translated("look at the buckets"):
        wanted = {bucket for function in functions for bucket in function.buckets}
        return buckets.look(connection.client("s3"), wanted, lambda: connection.client("kms"))


def _networks(connection: Connection, functions: Sequence[Function]) -> dict[Given, Network]:
    """Find each network once; most functions have none, or the same."""
    given = {_of_jobs(f) for f in functions if f.batch is not None}
    given |= {_of_function(f) for f in functions if f.subnets}
    if not given:
        return {}
    ec2, wanted = connection.client("ec2"), sorted(given)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda pair: network.find(ec2, *pair), wanted)
        return dict(zip(wanted, found, strict=True))


def _of_jobs(function: Function) -> Given:
    compute = function.batch.compute if function.batch else None
    return (compute.subnets, compute.security_groups) if compute else ((), ())


def _of_function(function: Function) -> Given:
    return function.subnets, function.security_groups
