"""Check a request against AWS's limits, enumerations and rules, with AWS's error messages.

botocore checks no maxima, and moto almost nothing. So these checks run before a deployment, in
the tests, and in the local cloud, before a request reaches moto.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from scar.aws.requests.rules.constraints import Parameters, RuleViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Parameters", "RuleViolation", "check"]

# Names, since a deployment needs few of these modules: they are imported with the first request.
_RULES: dict[tuple[str, str], str] = {
    ("lambda", "CreateFunction"): "lambda_.check_create_function",
    ("lambda", "UpdateFunctionConfiguration"): "lambda_.check_create_function",
    ("lambda", "Invoke"): "lambda_.check_invoke",
    ("lambda", "PutFunctionEventInvokeConfig"): "lambda_.check_event_invoke_config",
    ("lambda", "UpdateFunctionEventInvokeConfig"): "lambda_.check_event_invoke_config",
    ("lambda", "PutFunctionRecursionConfig"): "lambda_.check_recursion_config",
    ("lambda", "AddPermission"): "lambda_.check_add_permission",
    ("lambda", "CreateEventSourceMapping"): "event_sources.check_create_event_source",
    ("lambda", "UpdateEventSourceMapping"): "event_sources.check_update_event_source",
    ("lambda", "CreateFunctionUrlConfig"): "endpoints.check_function_url",
    ("lambda", "UpdateFunctionUrlConfig"): "endpoints.check_function_url",
    ("apigatewayv2", "CreateApi"): "endpoints.check_create_api",
    ("apigatewayv2", "UpdateApi"): "endpoints.check_update_api",
    ("apigatewayv2", "CreateIntegration"): "endpoints.check_integration",
    ("apigatewayv2", "UpdateIntegration"): "endpoints.check_integration",
    ("apigatewayv2", "CreateStage"): "endpoints.check_stage",
    ("apigatewayv2", "UpdateStage"): "endpoints.check_stage",
    ("sqs", "CreateQueue"): "event_sources.check_create_queue",
    ("sqs", "SetQueueAttributes"): "event_sources.check_queue_attributes",
    ("batch", "RegisterJobDefinition"): "batch.check_register_job_definition",
    ("batch", "SubmitJob"): "batch.check_submit_job",
    ("batch", "CreateComputeEnvironment"): "batch.check_create_compute_environment",
    ("batch", "CreateJobQueue"): "batch.check_create_job_queue",
    ("batch", "UpdateJobQueue"): "batch.check_update_job_queue",
    ("batch", "CreateSchedulingPolicy"): "batch.check_create_scheduling_policy",
    ("batch", "UpdateSchedulingPolicy"): "batch.check_update_scheduling_policy",
    ("s3", "PutObject"): "s3.check_put_object",
    ("s3", "CopyObject"): "s3.check_put_object",
    ("s3", "CreateMultipartUpload"): "s3.check_put_object",
    ("s3", "CreateBucket"): "s3.check_create_bucket",
    ("s3", "PutBucketNotificationConfiguration"): "s3.check_put_notifications",
    ("iam", "CreateRole"): "iam_ecr_logs.check_create_role",
    ("iam", "PutRolePolicy"): "iam_ecr_logs.check_put_role_policy",
    ("ecr", "CreateRepository"): "iam_ecr_logs.check_create_repository",
    ("logs", "PutRetentionPolicy"): "iam_ecr_logs.check_put_retention_policy",
}


def check(service: str, operation: str, parameters: Parameters) -> tuple[RuleViolation, ...]:
    """Return the rules that the request violates; empty if none, or without rules for it.

    ``service`` and ``operation`` are botocore's names (``lambda``, ``CreateFunction``), and
    ``parameters`` are those of the API. ``rules.batch.overrides_failure`` is not included: it is
    a rule of Batch for jobs that SubmitJob accepts and that fail later.
    """
    name = _RULES.get((service, operation))
    return tuple(_import_rules(name)(parameters)) if name else ()


@cache
def _import_rules(name: str) -> Callable[[Parameters], Iterator[RuleViolation]]:
    module, _, function = name.partition(".")
    rules: Callable[[Parameters], Iterator[RuleViolation]] = getattr(
        import_module(f"scar.aws.requests.rules.{module}"), function
    )
    return rules
