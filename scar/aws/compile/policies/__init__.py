"""IAM documents generated from the data flow of a function. Pure.

document   how statements and documents are written
flow       what a function reads, writes and calls
roles      what the roles may do that scar makes, and who may take them
calls      what scar itself calls: one table
scope      what whoever runs scar is to work on
arns       how that is called
person     what whoever runs scar must be allowed to do
repositories   who may pull images, and which expire
"""

from scar.aws.compile.policies.data_flow import BucketFolder, DataFlow
from scar.aws.compile.policies.document import canonical_json
from scar.aws.compile.policies.repositories import lifecycle_policy, repository_policy
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
    "repository_policy",
    "trust_policy",
]
