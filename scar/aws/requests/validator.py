"""Would AWS take this request? Its limits, enumerations and rules, in its own words. Pure.

botocore checks no maxima and moto checks almost nothing: this serves the preflight before a
deployment, the tests, and the local cloud in front of moto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.rules import (
    batch,
)
from scar.aws.requests.rules import (
    iam_ecr_logs as others,
)
from scar.aws.requests.rules import (
    lambda_ as functions,
)
from scar.aws.requests.rules import (
    s3 as storage,
)
from scar.aws.requests.rules.batch import overrides_failure
from scar.aws.requests.rules.constraints import Parameters, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Parameters", "Violation", "check", "overrides_failure"]

_RULES: dict[tuple[str, str], Callable[[Parameters], Iterator[Violation]]] = {
    ("lambda", "CreateFunction"): functions.create,
    ("lambda", "UpdateFunctionConfiguration"): functions.create,
    ("lambda", "Invoke"): functions.invoke,
    ("lambda", "PutFunctionEventInvokeConfig"): functions.event_invoke,
    ("lambda", "UpdateFunctionEventInvokeConfig"): functions.event_invoke,
    ("lambda", "AddPermission"): functions.permission,
    ("batch", "RegisterJobDefinition"): batch.define,
    ("batch", "SubmitJob"): batch.submit,
    ("batch", "CreateComputeEnvironment"): batch.create_environment,
    ("batch", "CreateJobQueue"): batch.create_queue,
    ("s3", "PutObject"): storage.put_object,
    ("s3", "CopyObject"): storage.put_object,
    ("s3", "CreateMultipartUpload"): storage.put_object,
    ("s3", "CreateBucket"): storage.create_bucket,
    ("s3", "PutBucketNotificationConfiguration"): storage.notify,
    ("iam", "CreateRole"): others.create_role,
    ("iam", "PutRolePolicy"): others.put_role_policy,
    ("ecr", "CreateRepository"): others.create_repository,
    ("logs", "PutRetentionPolicy"): others.put_retention,
}


def check(service: str, operation: str, parameters: Parameters) -> tuple[Violation, ...]:
    """Return what AWS would object to; empty if nothing is known.

    ``service`` and ``operation`` are botocore's names (``lambda``, ``CreateFunction``), the
    parameters those of the API. What AWS accepts first and fails later is not in here:
    ``overrides_failure`` is that rule of Batch's.
    """
    rules = _RULES.get((service, operation))
    return tuple(rules(parameters)) if rules else ()
