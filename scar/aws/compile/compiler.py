"""Compile functions to the resources that must exist, and to their ``function.json``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.compile import (
    batch,
    ecr_repository,
    endpoints,
    failure_handler,
    gathered_events,
    policies,
)
from scar.aws.compile.added_policies import added_policies
from scar.aws.compile.file_systems import unknown_file_systems
from scar.aws.compile.function_config import data_flow, function_config
from scar.aws.compile.lambda_function import compile_lambda_function
from scar.aws.model import names
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    EcrImage,
    EventInvokeConfig,
    InvokePermission,
    LogGroup,
    Resource,
    Role,
    SecretParameter,
    StateBucket,
)
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork

# Resources whose names, or the digest in them, are unknown before images and networks are.
_NAMED_BY_CONTENT = frozenset(
    {"image", "compute-environment", "job-queue", "launch-template", "scheduling-policy"}
)


def compile_resources(
    functions: Sequence[Function],
    account: Account,
    *,
    images: Mapping[str, str],
    networks: Mapping[str, VpcNetwork],
    kms_keys: Mapping[str, str] | None = None,
    file_systems: Mapping[str, str] | None = None,
) -> tuple[Resource, ...]:
    """Return the resources of the functions; resources that functions share appear once.

    ``images`` are the digests of the functions' images and ``networks`` the networks of those
    that use Batch, both by function name; ``kms_keys`` are the ARNs of the keys that encrypt
    buckets, by bucket; ``file_systems`` the ids of EFS file systems that the FDL does not give, by
    the ARN of an access point. If ``images`` contains the failure handler, it is compiled too and
    becomes the functions' on-failure destination.
    """
    resources: dict[object, Resource] = {
        r.key: r
        for r in (StateBucket(name=names.state_bucket_name(account)), *_compile_buckets(functions))
    }
    for function in functions:
        network = networks.get(function.name)
        queue, others = _queue_names(function, account, network)
        flow = replace(data_flow(function, account, queue, kms_keys), other_queues=others)
        if names.FAILURE_HANDLER in images and failure_handler.handles(function):
            flow = replace(flow, failure_handler=failure_handler.handler_arn(account))
        # An equal key means an equal resource: shared ones are named by their content, and the
        # checks before reject functions that would disagree about the instances' role.
        digest = images[function.name]
        for resource in _compile_function(function, flow, digest, network, file_systems or {}):
            resources.setdefault(resource.key, resource)
        # For the failure handler, and for the loop checks of other deployments.
        config = function_config(function, account, ImageDefaults(), network)
        record = failure_handler.batch_target_record(config, account)
        resources[record.key] = record
    handler = failure_handler.handler_function(functions)
    if handler is not None and names.FAILURE_HANDLER in images:
        digest = images[names.FAILURE_HANDLER]
        handling = failure_handler.compile_handler(handler, account, digest)
        resources |= {r.key: r for r in handling}
    return tuple(resources.values())


def compile_named_resources(
    functions: Sequence[Function], account: Account
) -> tuple[Resource, ...]:
    """Return the resources whose names are known before images and networks are.

    Only their keys are meant to be used, to read what exists while the images are built.
    """
    digests = dict.fromkeys((f.name for f in functions), "")
    if (handler := failure_handler.handler_function(functions)) is not None:
        digests[handler.name] = ""
    from scar.aws.model.network import VpcNetwork

    networks = {f.name: VpcNetwork() for f in functions if f.batch is not None}
    resources = compile_resources(
        functions,
        account,
        images=digests,
        networks=networks,
        file_systems=unknown_file_systems(functions),
    )
    return tuple(r for r in resources if r.kind not in _NAMED_BY_CONTENT)


def _queue_names(
    function: Function, account: Account, network: VpcNetwork | None
) -> tuple[str, tuple[str, ...]]:
    """Return the name of the function's job queue, empty without Batch, and of its others."""
    if function.batch is None:
        return "", ()
    own = batch.job_queue_name(function, account, network)
    return own, batch.other_queue_names(function, account, network)


def _compile_function(
    function: Function,
    flow: DataFlow,
    digest: str,
    network: VpcNetwork | None,
    file_systems: Mapping[str, str],
) -> Iterator[Resource]:
    account = flow.account
    yield LogGroup(
        name=names.lambda_log_group(function.name),
        retention_days=function.cloudwatch.log_retention_policy_in_days,
        tags=function.tags,
    )
    if function.lambda_.container.create_image:
        yield ecr_repository.compile_repository(function, account)
        yield EcrImage(name=function.repository, digest=digest)
    if not function.iam.role:
        yield Role(
            name=names.role_name(function.name, account.region, "lambda"),
            trust=policies.trust_policy("lambda", account),
            policy=policies.lambda_role(flow),
            boundary=function.iam.permissions_boundary,
            tags=function.tags,
            **added_policies(function),
        )
    yield from (SecretParameter(name=name, value=v) for name, v in function.stored_secrets)
    if function.batch is not None:
        yield from batch.compile_batch(function, flow, digest, network, file_systems)
    yield compile_lambda_function(function, account, digest, flow)
    yield EventInvokeConfig(
        name=function.name,
        retries=function.lambda_.retries,
        max_age=function.lambda_.max_event_age,
        on_failure=flow.failure_handler,
    )
    yield from _compile_triggers(function, account)
    yield from endpoints.compile_endpoint(function, account)


def _compile_triggers(function: Function, account: Account) -> Iterator[Resource]:
    inputs = function.account_inputs
    # One permission per bucket, one notification per folder and suffix.
    queue = gathered_events.queue_arn(function, account)
    yield from gathered_events.compile_event_source(function, account)
    for bucket in sorted({i.bucket for i in inputs}) if not queue else ():
        yield InvokePermission(
            name=f"{function.name}/{names.permission_statement_id(bucket)}",
            source_arn=account.s3_arn(bucket),
            source_account=account.id,
        )
    for item in inputs:
        suffix = item.input_suffix
        rule = names.notification_rule_id(function.name, item.bucket, item.folder, suffix)
        yield BucketNotification(
            name=f"{item.bucket}/{rule}",
            function_arn=account.arn("lambda", f"function:{function.name}"),
            queue_arn=queue,
            prefix=item.folder,
            suffix=suffix,
        )


def _compile_buckets(functions: Iterable[Function]) -> Iterator[Bucket]:
    """Compile each bucket once, with the folders of all functions."""
    folders: dict[str, set[str]] = {}
    for function in functions:
        for storage in (*function.account_inputs, *function.account_outputs):
            folders.setdefault(storage.bucket, set()).add(storage.folder)
    for bucket in sorted(folders):
        yield Bucket(name=bucket, folders=tuple(sorted(folders[bucket] - {""})))
