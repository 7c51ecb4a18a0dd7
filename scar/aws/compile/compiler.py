"""Compile functions to the resources that must exist, and to their ``function.json``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.compile import (
    batch,
    ecr_repository,
    encryption,
    failure_handler,
    gathered_events,
    policies,
)
from scar.aws.compile.added_policies import added_policies
from scar.aws.compile.file_systems import add_file_systems, unknown_file_systems
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.model import names
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    ComputeEnvironment,
    EcrImage,
    EventInvokeConfig,
    InvokePermission,
    JobQueue,
    LambdaFunction,
    LaunchTemplate,
    LogGroup,
    Resource,
    Role,
    SchedulingPolicy,
    StateBucket,
)
from supervisor.model import FunctionConfig, ImageDefaults, InputRule, OutputRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Pairs

_TAG_LENGTH = 256
# Resources whose names, or the digest in them, are unknown before images and networks are.
_NAMED_BY_CONTENT = (EcrImage, ComputeEnvironment, JobQueue, LaunchTemplate, SchedulingPolicy)


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
        queue = batch.job_queue_name(function, account, network)
        others = batch.other_queue_names(function, account, network)
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
    networks = {f.name: VpcNetwork() for f in functions if f.batch is not None}
    resources = compile_resources(
        functions,
        account,
        images=digests,
        networks=networks,
        file_systems=unknown_file_systems(functions),
    )
    return tuple(r for r in resources if not isinstance(r, _NAMED_BY_CONTENT))


def function_config(
    function: Function, account: Account, image: ImageDefaults, network: VpcNetwork | None = None
) -> FunctionConfig:
    """Return the content of the function's ``function.json``, which its image contains.

    ``image`` are the settings of the user's image (entrypoint, variables, user). ``network`` is
    only needed with Batch, to derive the name of the job queue.
    """
    spec = function.lambda_
    queue = batch.job_queue_name(function, account, network)
    return FunctionConfig(
        name=function.name,
        mode=spec.execution_mode,
        state_bucket=names.state_bucket_name(account),
        script=spec.script.name if spec.script else "",
        image=image,
        environment=dict(spec.container.environment.Variables),
        secrets=dict(spec.container.secrets),
        encryption=encryption.bucket_encryption(function, account),
        inputs=tuple(_input_rules(function)),
        outputs=tuple(_output_rules(function)),
        timeout_threshold=spec.container.timeout_threshold,
        memory=spec.memory,
        log_level=spec.log_level,
        allow_loop=spec.allow_loop,
        allow_script=spec.allow_script,
        batch=batch.compile_batch_target(function, account, queue, network),
        array_size=function.batch.array.size if function.batch and function.batch.array else 0,
        has_failure_handler=failure_handler.handles(function),
        cluster=function.batch is not None and function.batch.cluster,
    )


def _input_rules(function: Function) -> Iterator[InputRule]:
    """Yield what ``_compile_triggers`` makes notifications of."""
    for item in function.lambda_.input:
        if item.is_s3:
            yield InputRule(
                provider=item.storage_provider,
                bucket=item.bucket,
                folder=item.folder,
                suffix=item.input_suffix,
            )


def _output_rules(function: Function) -> Iterator[OutputRule]:
    for output in function.lambda_.output:
        yield OutputRule(
            provider=output.storage_provider,
            path=output.path,
            prefix=output.prefix,
            suffix=output.suffix,
        )


def data_flow(
    function: Function,
    account: Account,
    queue: str,
    kms_keys: Mapping[str, str] | None = None,
) -> DataFlow:
    """Return what the function's role must allow, as the input of the policies.

    ``queue`` is the name of its job queue, empty without Batch; ``kms_keys`` are ARNs by bucket.
    """
    requested = encryption.bucket_encryption(function, account)
    requested_keys = encryption.kms_keys_of(requested, account)
    flow = DataFlow(
        account=account,
        function=function.name,
        inputs=tuple(BucketFolder(i.bucket, i.folder) for i in function.lambda_.input if i.is_s3),
        outputs=tuple(BucketFolder(o.bucket, o.folder) for o in function.lambda_.output if o.is_s3),
        secrets=tuple(sorted({*function.lambda_.container.secrets.values()})),
        reads=tuple(_bucket_folder(path) for path in function.lambda_.reads),
        queue=queue,
        resubmits=function.batch is not None and bool(function.batch.retry),
        cluster=function.batch is not None and function.batch.cluster,
        event_queue=gathered_events.queue_arn(function, account),
        kms_keys=tuple(sorted({*(kms_keys or {}).items(), *requested_keys})),
        in_vpc=bool(function.lambda_.vpc.subnets),
    )
    return add_file_systems(flow, function)


def _bucket_folder(path: str) -> BucketFolder:
    bucket, _, folder = path.partition("/")
    return BucketFolder(bucket, f"{folder}/" if folder else "")


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
    yield from batch.compile_batch(function, flow, digest, network, file_systems)
    yield _lambda_function(function, account, digest, flow)
    yield EventInvokeConfig(
        name=function.name,
        retries=function.lambda_.retries,
        max_age=function.lambda_.max_event_age,
        on_failure=flow.failure_handler,
    )
    yield from _compile_triggers(function, account)


def _lambda_function(
    function: Function, account: Account, digest: str, flow: DataFlow
) -> LambdaFunction:
    generated = account.iam_arn(
        f"role/scar/{names.role_name(function.name, account.region, 'lambda')}"
    )
    spec = function.lambda_
    return LambdaFunction(
        name=function.name,
        role_arn=batch.user_role_arn(function, account) or generated,
        image=names.image_uri(account, function.repository, digest),
        memory=spec.memory,
        timeout=spec.timeout,
        ephemeral_mb=spec.ephemeral_storage,
        architecture=spec.architecture,
        environment=tuple(sorted(spec.environment.Variables.items())),
        description=spec.description,
        tags=_function_tags(function, flow),
        reserved_concurrency=spec.concurrency,
        subnets=tuple(sorted(spec.vpc.subnets)),
        security_groups=tuple(sorted(spec.vpc.security_group_ids)),
        file_systems=tuple((item.arn, item.path) for item in spec.file_system),
        log_group=names.lambda_log_group(function.name),
        allow_loop=spec.allow_loop,
    )


def _function_tags(function: Function, flow: DataFlow) -> Pairs:
    """Return the user's tags and scar's, which commands without the FDL file read."""
    tags = function.lambda_.tags | {
        names.FUNCTION_TAG: function.name,
        names.MODE_TAG: function.lambda_.execution_mode.value,
        names.IMAGE_TAG: _tag_value(function.image_name),
        names.QUEUE_TAG: flow.queue,
        names.EVENT_QUEUE_TAG: flow.event_queue.rpartition(":")[2],
    }
    # One tag per bucket: the names of all would not fit into the 256 characters of a value.
    buckets = sorted({folder.bucket for folder in (*flow.inputs, *flow.outputs)})
    tags |= {
        f"{names.BUCKETS_TAG}-{number}": bucket for number, bucket in enumerate(buckets, start=1)
    }
    return tuple(sorted((name, value) for name, value in tags.items() if value))


def _tag_value(text: str) -> str:
    """Return the text as a valid tag value: letters, digits, spaces and ``+ - = . _ : / @``."""
    valid = "".join(c if c.isalnum() or c in " +-=._:/@" else "_" for c in text)
    if valid.lower().startswith("aws:"):  # reserved, also in values (docs: tagging AWS resources)
        valid = f"{valid[:3]}_{valid[4:]}"
    return valid[:_TAG_LENGTH]


def _compile_triggers(function: Function, account: Account) -> Iterator[Resource]:
    inputs = [i for i in function.lambda_.input if i.is_s3]
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
        for storage in (*function.lambda_.input, *function.lambda_.output):
            if storage.is_s3:
                folders.setdefault(storage.bucket, set()).add(storage.folder)
    for bucket in sorted(folders):
        yield Bucket(name=bucket, folders=tuple(sorted(folders[bucket] - {""})))
