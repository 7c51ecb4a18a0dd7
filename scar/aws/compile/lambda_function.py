"""Compile a function to its Lambda function, with the tags that commands read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import batch
from scar.aws.model import names
from scar.aws.model.resources import LambdaFunction

if TYPE_CHECKING:
    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Pairs

_TAG_LENGTH = 256


def compile_lambda_function(
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
        parameters=tuple(name for name, _ in function.stored_secrets),
    )


def _function_tags(function: Function, flow: DataFlow) -> Pairs:
    """Return the user's tags and scar's, which commands without the FDL file read."""
    tags = function.lambda_.tags | {
        names.FUNCTION_TAG: function.name,
        names.MODE_TAG: function.lambda_.execution_mode.value,
        names.IMAGE_TAG: _tag_value(function.image_name),
        names.QUEUE_TAG: flow.queue,
        names.EVENT_QUEUE_TAG: flow.event_queue.rpartition(":")[2],
        names.SECRETS_TAG: names.secret_path(function.name) if function.stored_secrets else "",
        names.ENDPOINT_TAG: flow.endpoint,
    }
    # One tag per bucket: the names of all would not fit into the 256 characters of a value.
    buckets = sorted({folder.bucket for folder in (*flow.inputs, *flow.outputs)})
    tags |= {
        f"{names.BUCKETS_TAG}-{number}": bucket for number, bucket in enumerate(buckets, start=1)
    }
    if function.other_inputs:
        tags |= _other_input_tags(function)
    return tuple(sorted((name, value) for name, value in tags.items() if value))


def _other_input_tags(function: Function) -> dict[str, str]:
    from scar.aws.model.other_inputs import OtherInput

    others = sorted(
        OtherInput(item.storage_provider, item.path.rstrip("/"), item.input_suffix)
        for item in function.other_inputs
    )
    return {
        f"{names.OTHER_INPUTS_TAG}-{number}": one.to_tag() for number, one in enumerate(others, 1)
    }


def _tag_value(text: str) -> str:
    """Return the text as a valid tag value: letters, digits, spaces and ``+ - = . _ : / @``."""
    valid = "".join(c if c.isalnum() or c in " +-=._:/@" else "_" for c in text)
    if valid.lower().startswith("aws:"):  # reserved, also in values (docs: tagging AWS resources)
        valid = f"{valid[:3]}_{valid[4:]}"
    return valid[:_TAG_LENGTH]
