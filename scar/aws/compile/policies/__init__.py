"""Generate IAM policies with least privilege, for functions and for the caller.

For the roles that scar creates: the compiler describes a function's ``data_flow`` (folders, queue,
keys, file systems); ``roles`` turns it into the policy and trust policy of each role, with the
statements about objects and KMS keys from ``data_access``, those about the script's secrets from
``secret_access``, about mounts from ``file_systems``, those of a cluster's jobs from
``cluster_jobs``, and those of HTTP endpoints from ``endpoint_grants``. ``repositories`` has the
policies of ECR repositories.

For the identity that runs scar (``scar policy``): ``grants`` (with
``batch_grants``) is the one table of the operations
that scar calls (each row a ``grant``; ``iam_actions`` are the actions that IAM checks for them).
``scope`` is what the caller works on, ``arns`` are the ARNs of each target in that scope, and
``user_policy`` joins them into documents of AWS's maximum size.

``document`` writes statements and documents for both; ``patterns`` escapes users' text in them. A
new call to AWS needs a row in ``grants``, which a test enforces; new access by functions needs a
statement in ``roles`` or ``data_access``. Pure functions; no I/O.
"""

from scar.aws.compile.policies.data_flow import BucketFolder, DataFlow
from scar.aws.compile.policies.document import canonical_json
from scar.aws.compile.policies.repositories import (
    lifecycle_policy,
    merge_policy,
    own_policy,
    repository_policy,
)
from scar.aws.compile.policies.roles import (
    execution_role,
    failure_handler_role,
    instance_role,
    job_role,
    lambda_role,
    trust_policy,
)

__all__ = [
    "BucketFolder",
    "DataFlow",
    "canonical_json",
    "execution_role",
    "failure_handler_role",
    "instance_role",
    "job_role",
    "lambda_role",
    "lifecycle_policy",
    "merge_policy",
    "own_policy",
    "repository_policy",
    "trust_policy",
]
