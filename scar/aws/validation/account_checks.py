"""Do functions fit into the account? What surely fails stops, what may fail is told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account import routes
from scar.aws.model import limits
from scar.aws.model.plan import Create
from scar.aws.model.resources import ComputeEnvironment, JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.aws.account.account_state import AccountState
    from scar.aws.account.buckets import BucketState
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource

_LOW_CONCURRENCY = 50
_COUNT_LIMITS: Mapping[type[Resource], tuple[str, limits.Limit]] = {
    ComputeEnvironment: ("compute environments", limits.BATCH_ENVIRONMENTS),
    JobQueue: ("job queues", limits.BATCH_QUEUES),
}


def find_errors(functions: Sequence[Function], account_state: AccountState) -> Iterator[str]:
    """Find what would fail after the first change."""
    for function in functions:
        for bucket in function.buckets:
            yield from _check_bucket(function, account_state.buckets[bucket], account_state)
        yield from _check_network(function, account_state)
    yield from account_state.pass_role_check.failures


def find_warnings(functions: Sequence[Function], account_state: AccountState) -> Iterator[str]:
    """Find what may fail, or run worse than expected."""
    for seen in account_state.buckets.values():
        yield from _warn_of_bucket(seen)
    yield from account_state.quotas.unread_quotas
    yield from account_state.pass_role_check.unknown
    yield from _warn_of_concurrency(functions, account_state)
    for function in functions:
        yield from _warn_of_vcpu_quota(function, account_state)


def check_batch_quotas(todo: Plan, counts: Mapping[type[Resource], int]) -> Iterator[str]:
    """Find quotas that the plan would overrun: what is new is made before anything goes."""
    for kind, (what, limit) in _COUNT_LIMITS.items():
        new = sum(isinstance(c, Create) and type(c.desired) is kind for c in todo.changes)
        if new and not limit.allows(counts.get(kind, 0) + new):
            yield (
                f"This Region has {counts[kind]} {what} and {new} more are needed: AWS allows"
                f" {limit.maximum}. Delete some, or give functions equal compute_resources to"
                " share."
            )


def _check_bucket(
    function: Function, seen: BucketState, account_state: AccountState
) -> Iterator[str]:
    account = account_state.account
    if seen.is_same_account is False:
        yield (
            f"{function.name}: bucket {seen.name} belongs to another account than {account.id},"
            " and a function's buckets must be its own account's. Its owner can deploy the"
            f" function there, or replicate new objects into a bucket of {account.id} (S3"
            " replication), which you then name in the FDL."
        )
    elif seen.exists and seen.region and seen.region != account.region:
        yield (
            f"{function.name}: bucket {seen.name} is in {seen.region}, the function in"
            f" {account.region}: S3 tells only functions of its own Region. Deploy with --region"
            f" {seen.region}, or use a bucket in {account.region}."
        )


def _warn_of_bucket(seen: BucketState) -> Iterator[str]:
    if seen.is_encryption_hidden:
        yield (
            f"The encryption of bucket {seen.name} may not be looked at"
            " (s3:GetEncryptionConfiguration): if it has a KMS key, the roles cannot use it."
        )
    if seen.has_alias:
        yield (
            f"Bucket {seen.name} is encrypted with {seen.kms_key}, and which key that is could"
            " not be"
            " found out (kms:DescribeKey): roles are only given keys, not aliases. Let the bucket"
            " name the key's ARN, or the key's policy the roles."
        )


def _check_network(function: Function, account_state: AccountState) -> Iterator[str]:
    if network := account_state.job_networks.get(function.name):
        fargate = function.batch is not None and function.batch.compute_resources.is_fargate
        closed = routes.check_task_subnets if fargate else routes.check_instance_subnets
        yield from (f"{function.name}: {fault}" for fault in closed(network))
    if network := account_state.function_networks.get(function.name):
        needed = frozenset({"s3", "batch"} if function.batch else {"s3"})
        found = routes.check_function_subnets(network, needed)
        yield from (f"{function.name}: {fault}" for fault in found)


def _warn_of_concurrency(
    functions: Sequence[Function], account_state: AccountState
) -> Iterator[str]:
    total, free = account_state.quotas.concurrency, account_state.quotas.unreserved
    if total is None or free is None:
        return
    if free < _LOW_CONCURRENCY:
        yield (
            f"Lambda runs at most {free} events at once in this account; others wait. A higher"
            " quota can be asked for: Service Quotas, Lambda, concurrent executions."
        )
    reserved = sum(f.lambda_.concurrency or 0 for f in functions)
    least = limits.LAMBDA_UNRESERVED.minimum
    if reserved and total - reserved < least:
        yield (
            f"The functions reserve {reserved} of {total} concurrent runs; Lambda wants {least}"
            " to stay free and may refuse."
        )


def _warn_of_vcpu_quota(function: Function, account_state: AccountState) -> Iterator[str]:
    if function.batch is None:
        return
    compute = function.batch.compute_resources
    pair = compute.type, function.batch.enable_gpu
    quota = account_state.quotas.vcpus.get(pair)
    if quota is None or quota >= compute.max_v_cpus:
        return
    effect = "no job ever starts" if quota < function.batch.vcpus else "fewer jobs run at once"
    yield (
        f"{function.name}: max_v_cpus is {compute.max_v_cpus}, but the account's"
        f" quota {limits.VCPU_QUOTAS[pair][2]!r} is {quota:g} vCPUs: {effect}."
    )
