"""Would AWS take this request? Its limits, enumerations and rules, in its own words. Pure.

botocore checks no maxima and moto checks almost nothing: this serves the preflight before a
deployment, the tests, and the local cloud in front of moto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.rules import (
    batch,
    iam_ecr_logs,
    lambda_,
    s3,
)
from scar.aws.requests.rules.batch import overrides_failure
from scar.aws.requests.rules.constraints import Parameters, RuleViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Parameters", "RuleViolation", "check", "overrides_failure"]

_RULES: dict[tuple[str, str], Callable[[Parameters], Iterator[RuleViolation]]] = {
    ("lambda", "CreateFunction"): lambda_.check_create_function,
    ("lambda", "UpdateFunctionConfiguration"): lambda_.check_create_function,
    ("lambda", "Invoke"): lambda_.check_invoke,
    ("lambda", "PutFunctionEventInvokeConfig"): lambda_.check_event_invoke_config,
    ("lambda", "UpdateFunctionEventInvokeConfig"): lambda_.check_event_invoke_config,
    ("lambda", "AddPermission"): lambda_.check_add_permission,
    ("batch", "RegisterJobDefinition"): batch.check_register_job_definition,
    ("batch", "SubmitJob"): batch.check_submit_job,
    ("batch", "CreateComputeEnvironment"): batch.check_create_compute_environment,
    ("batch", "CreateJobQueue"): batch.check_create_job_queue,
    ("s3", "PutObject"): s3.check_put_object,
    ("s3", "CopyObject"): s3.check_put_object,
    ("s3", "CreateMultipartUpload"): s3.check_put_object,
    ("s3", "CreateBucket"): s3.check_create_bucket,
    ("s3", "PutBucketNotificationConfiguration"): s3.check_put_notifications,
    ("iam", "CreateRole"): iam_ecr_logs.check_create_role,
    ("iam", "PutRolePolicy"): iam_ecr_logs.check_put_role_policy,
    ("ecr", "CreateRepository"): iam_ecr_logs.check_create_repository,
    ("logs", "PutRetentionPolicy"): iam_ecr_logs.check_put_retention_policy,
}


def check(service: str, operation: str, parameters: Parameters) -> tuple[RuleViolation, ...]:
    """Return what AWS would object to; empty if nothing is known.

    ``service`` and ``operation`` are botocore's names (``lambda``, ``CreateFunction``), the
    parameters those of the API. What AWS accepts first and fails later is not in here:
    ``overrides_failure`` is that rule of Batch's.
    """
    rules = _RULES.get((service, operation))
    return tuple(rules(parameters)) if rules else ()
