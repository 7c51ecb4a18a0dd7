"""Check the functions against the account: errors stop the deployment, warnings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account import routes
from scar.aws.model import instance_types, limits
from scar.aws.model.plan import Create
from scar.aws.model.resources import ComputeEnvironment, JobQueue
from scar.aws.model.vcpu_quotas import quotas_of
from scar.aws.validation.compute_warnings import find_compute_warnings
from scar.aws.validation.file_system_checks import (
    find_file_system_errors,
    find_file_system_warnings,
)
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.aws.account.account_state import AccountState
    from scar.aws.account.buckets import BucketState
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource

_LOW_CONCURRENCY = 50  # new accounts may have 10; the default quota is 1,000
_COUNT_LIMITS: Mapping[type[Resource], tuple[str, limits.Limit]] = {
    ComputeEnvironment: ("compute environments", limits.BATCH_ENVIRONMENTS),
    JobQueue: ("job queues", limits.BATCH_QUEUES),
}


def find_errors(functions: Sequence[Function], account_state: AccountState) -> Iterator[str]:
    """Yield problems that would make the deployment fail after its first change."""
    for function in functions:
        for bucket in function.buckets:
            yield from _check_bucket(function, account_state.buckets[bucket], account_state)
        yield from _check_network(function, account_state)
        yield from find_file_system_errors(function, account_state)
    yield from account_state.pass_role_check.failures


def find_warnings(functions: Sequence[Function], account_state: AccountState) -> Iterator[str]:
    """Yield problems that may make it fail, or make functions run slower than expected."""
    for bucket in account_state.buckets.values():
        yield from _warn_of_bucket(bucket)
    yield from account_state.quotas.unread_quotas
    yield from account_state.pass_role_check.unknown
    yield from _warn_of_concurrency(functions, account_state)
    yield from find_compute_warnings(functions, account_state.account.region)
    for function in functions:
        for name in function.read_buckets:
            yield from _warn_of_reads(function, account_state.buckets[name])
        yield from _warn_of_secrets(function, account_state.missing_secrets)
        yield from _warn_of_memory_quota(function, account_state)
        yield from _warn_of_vcpu_quota(function, account_state)
        yield from _warn_of_large_instances(function)
        yield from find_file_system_warnings(function, account_state)


def check_batch_quotas(plan: Plan, counts: Mapping[type[Resource], int]) -> Iterator[str]:
    """Yield quotas that the plan would exceed.

    ``counts`` are all resources of a kind in the Region, other tools' included. Deletions do not
    help: new resources are created before old ones are deleted.
    """
    for kind, (what, limit) in _COUNT_LIMITS.items():
        new = sum(isinstance(c, Create) and type(c.desired) is kind for c in plan.changes)
        if new and not limit.allows(counts.get(kind, 0) + new):
            yield (
                f"This Region has {counts[kind]} {what} and {new} more are needed: AWS allows"
                f" {limit.maximum}. Delete some, or give functions the same compute_resources, so"
                " that they share them."
            )


def _check_bucket(
    function: Function, bucket: BucketState, account_state: AccountState
) -> Iterator[str]:
    account = account_state.account
    if bucket.is_same_account is False:
        yield (
            f"{function.name}: bucket {bucket.name} belongs to another account than {account.id},"
            " but a function can use buckets of its own account only. The bucket's owner can deploy"
            f" the function there, or replicate new objects into a bucket of {account.id} (S3"
            " replication); then name that bucket in the FDL."
        )
    elif bucket.exists and bucket.region and bucket.region != account.region:
        yield (
            f"{function.name}: bucket {bucket.name} is in {bucket.region}, the function in"
            f" {account.region}: S3 event notifications start functions of the bucket's Region"
            f" only. Deploy with --region {bucket.region}, or use a bucket in {account.region}."
        )


def _warn_of_bucket(bucket: BucketState) -> Iterator[str]:
    if bucket.is_encryption_hidden:
        yield (
            f"The encryption of bucket {bucket.name} cannot be read"
            " (s3:GetEncryptionConfiguration): if it has a KMS key, the functions' roles cannot use"
            " the key."
        )
    if bucket.has_alias:
        yield (
            f"Bucket {bucket.name} is encrypted with {bucket.kms_key}, and this alias cannot be"
            " resolved (kms:DescribeKey): IAM policies need the key's ARN. Set the key's ARN in the"
            " bucket's default encryption, or allow the functions' roles in the key policy."
        )


def _warn_of_reads(function: Function, bucket: BucketState) -> Iterator[str]:
    if not bucket.exists:
        yield f"{function.name}: the bucket {bucket.name} of lambda.reads does not exist."
    elif bucket.is_same_account is False:
        yield (
            f"{function.name}: the bucket {bucket.name} of lambda.reads belongs to another account,"
            " which has to allow the function's roles to read it, unless it is public."
        )


def _warn_of_secrets(function: Function, missing: frozenset[str]) -> Iterator[str]:
    for name, reference in function.lambda_.container.secrets.items():
        if reference in missing:
            yield (
                f"{function.name}: {reference} of the variable {name} (lambda.container.secrets)"
                " does not exist in this account and Region: runs fail until it does."
            )
    for provider in function.providers:
        for key, reference in provider.secrets.items():
            if reference in missing:
                yield (
                    f"{function.name}: {reference} of storage_providers.{provider.name}.{key} does"
                    " not exist in this account and Region: runs fail until it does."
                )


def _check_network(function: Function, account_state: AccountState) -> Iterator[str]:
    if network := account_state.job_networks.get(function.name):
        fargate = function.batch is not None and function.batch.compute_resources.is_fargate
        check_subnets = routes.check_task_subnets if fargate else routes.check_instance_subnets
        yield from (f"{function.name}: {problem}" for problem in check_subnets(network))
        if function.batch is not None and function.batch.nodes:
            problems = routes.check_node_subnets(network)
            yield from (f"{function.name}: nodes: {problem}" for problem in problems)
    if network := account_state.function_networks.get(function.name):
        # Lambda itself pulls the image and writes the log, outside the VPC.
        needed = frozenset({"s3", "batch"} if function.batch else {"s3"})
        problems = routes.check_function_subnets(network, needed)
        yield from (f"{function.name}: {problem}" for problem in problems)


def _warn_of_concurrency(
    functions: Sequence[Function], account_state: AccountState
) -> Iterator[str]:
    total, free = account_state.quotas.concurrency, account_state.quotas.unreserved
    if total is None or free is None:
        return
    if free < _LOW_CONCURRENCY:
        yield (
            f"Lambda runs at most {format_count(free, 'event')} at once in this account; others"
            " wait. Request a quota increase: Service Quotas, AWS Lambda, Concurrent executions."
        )
    reserved = sum(f.lambda_.concurrency or 0 for f in functions)
    least = limits.LAMBDA_UNRESERVED.minimum
    if reserved and total - reserved < least:
        yield (
            f"The functions reserve {reserved} of {total} concurrent executions; Lambda requires"
            f" {least} unreserved ones and may refuse."
        )


def _warn_of_memory_quota(function: Function, account_state: AccountState) -> Iterator[str]:
    """Warn of the memory quota of new accounts, which are recognized by their concurrency."""
    concurrency, memory = account_state.quotas.concurrency, function.lambda_.memory
    seen = limits.LAMBDA_NEW_ACCOUNT_MEMORY.maximum
    is_new = concurrency is not None and concurrency < limits.LAMBDA_CONCURRENCY.maximum
    if is_new and memory > seen:
        yield (
            f"{function.name}: memory is {memory} MB. This account has a reduced quota of"
            f" {concurrency} concurrent executions, as new accounts have; their functions may often"
            f" have {seen} MB at most, and Lambda then refuses the function. Set memory to {seen}"
            " or less, or ask AWS Support to raise Lambda's memory quota."
        )


def _warn_of_vcpu_quota(function: Function, account_state: AccountState) -> Iterator[str]:
    """Warn of each compute environment whose maximum exceeds the account's quota of its type."""
    batch = function.batch
    if batch is None:
        return
    for compute in batch.environments:
        quotas = quotas_of(
            compute.type, compute.instance_types, function.lambda_.architecture, batch.gpu_count
        )
        known = {q: v for q, v in account_state.quotas.vcpus.items() if q in quotas}
        total = sum(known.values())
        # Instances of several classes count for a quota each.
        if not known or len(known) < len(quotas) or total >= compute.max_v_cpus:
            continue
        is_too_small = max(known.values()) < batch.vcpus
        effect = "no job ever starts" if is_too_small else "fewer jobs run at once"
        values = " and ".join(f"{q.name!r} is {value:g}" for q, value in known.items())
        yield (
            f"{function.name}: max_v_cpus is {compute.max_v_cpus}, but the account's quota"
            f" {values} vCPUs: {effect}."
        )


def _warn_of_large_instances(function: Function) -> Iterator[str]:
    """Warn if a job fits only instances with more vCPUs than the environment's maximum.

    AWS documents that Batch may exceed it by one instance (model: ComputeResource.maxvCpus).
    """
    batch = function.batch
    if batch is None or batch.compute_resources.is_fargate:
        return
    gpus = batch.gpu_count
    default = instance_types.default_instance_types(function.lambda_.architecture, gpus=gpus)
    for compute in batch.environments:
        types = instance_types.find_instance_types(compute.instance_types or default)
        fitting = instance_types.fitting_types(types or (), batch.vcpus, batch.memory, gpus)
        if fitting and fitting[0].vcpus > compute.max_v_cpus:
            yield (
                f"{function.name}: max_v_cpus is {compute.max_v_cpus}, but the smallest instance"
                f" type for its jobs is {fitting[0]}. AWS Batch may exceed the maximum by one"
                f" instance; if jobs stay RUNNABLE, set max_v_cpus to {fitting[0].vcpus} or more."
            )
