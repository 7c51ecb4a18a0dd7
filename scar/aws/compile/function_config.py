"""Compile a function to its ``function.json`` and to what its roles must allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import batch, encryption, endpoints, failure_handler, gathered_events
from scar.aws.compile.file_systems import add_file_systems
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.model import names
from supervisor.model import FunctionConfig, ImageDefaults, InputRule, OutputRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork


def function_config(
    function: Function, account: Account, image: ImageDefaults, network: VpcNetwork | None = None
) -> FunctionConfig:
    """Return the content of the function's ``function.json``, which its image contains.

    ``image`` are the settings of the user's image (entrypoint, variables, user). ``network`` is
    only needed with Batch, to derive the name of the job queue.
    """
    spec = function.lambda_
    target = None
    if function.batch is not None:
        queue = batch.job_queue_name(function, account, network)
        target = batch.compile_batch_target(function, account, queue, network)
    return FunctionConfig(
        name=function.name,
        mode=spec.execution_mode,
        state_bucket=names.state_bucket_name(account),
        script=spec.init_script.name if spec.init_script else "",
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
        batch=target,
        array_size=function.batch.array.size if function.batch and function.batch.array else 0,
        has_failure_handler=failure_handler.handles(function),
        cluster=function.batch is not None and function.batch.cluster,
        extra_payload=spec.extra_payload is not None,
        providers=function.providers,
        endpoint=endpoints.endpoint_config(function),
    )


def _store_name(function: Function, provider: str) -> str:
    """Return the name by which messages name the store: ``s3.<name>`` may be the account's S3."""
    is_own = any(provider == known.name for known in function.providers)
    return provider if is_own else provider.partition(".")[0]


def _input_rules(function: Function) -> Iterator[InputRule]:
    """Yield the inputs: in the account's S3, and in stores that send their events themselves."""
    for item in function.lambda_.input:
        yield InputRule(
            provider=_store_name(function, item.storage_provider),
            bucket=item.bucket,
            folder=item.folder,
            suffix=item.input_suffix,
        )


def _output_rules(function: Function) -> Iterator[OutputRule]:
    for output in function.lambda_.output:
        yield OutputRule(
            provider=_store_name(function, output.storage_provider),
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
        inputs=tuple(BucketFolder(i.bucket, i.folder) for i in function.account_inputs),
        outputs=tuple(BucketFolder(o.bucket, o.folder) for o in function.account_outputs),
        secrets=tuple(sorted(function.read_secrets)),
        reads=tuple(_bucket_folder(path) for path in function.lambda_.reads),
        queue=queue,
        resubmits=function.batch is not None and bool(function.batch.retry),
        cluster=function.batch is not None and function.batch.cluster,
        event_queue=gathered_events.queue_arn(function, account),
        kms_keys=tuple(sorted({*(kms_keys or {}).items(), *requested_keys})),
        in_vpc=bool(function.lambda_.vpc.subnets),
        endpoint=endpoints.endpoint_tag(function),
    )
    return add_file_systems(flow, function)


def _bucket_folder(path: str) -> BucketFolder:
    bucket, _, folder = path.partition("/")
    return BucketFolder(bucket, f"{folder}/" if folder else "")
