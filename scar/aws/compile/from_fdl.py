"""Convert an FDL document to functions.

The only module of this package that reads files: the user data of instances, and policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.function import Function
from scar.fdl.values.policy_files import read_policy
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from scar.fdl.model import AwsFunction, FdlDocument


def functions_of(document: FdlDocument) -> tuple[Function, ...]:
    """Return the enabled functions in the document's order, with the content of their files."""
    return tuple(_build_function(spec) for spec in document.functions.aws if spec.enabled)


def disabled_functions(document: FdlDocument) -> tuple[str, ...]:
    """Return the names of the functions that must not be deployed."""
    return tuple(spec.lambda_.name for spec in document.functions.aws if not spec.enabled)


def _build_function(spec: AwsFunction) -> Function:
    # The FDL's model has a Batch section, with defaults, for functions in the mode `lambda` too.
    has_batch = spec.lambda_.execution_mode is not ExecutionMode.LAMBDA and spec.batch.enabled
    user_data = spec.batch.compute_resources.user_data
    return Function(
        lambda_=spec.lambda_
        if has_batch
        else spec.lambda_.model_copy(update={"execution_mode": ExecutionMode.LAMBDA}),
        iam=spec.iam,
        cloudwatch=spec.cloudwatch,
        ecr=spec.ecr,
        batch=spec.batch if has_batch else None,
        endpoint=spec.api_gateway if spec.api_gateway.is_used else None,
        user_data=user_data.read_text() if has_batch and user_data else "",
        inline_policies=tuple(
            sorted(read_policy(policy) for policy in spec.iam.policies if policy[:4] != "arn:")
        ),
    )
