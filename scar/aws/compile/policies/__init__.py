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

from scar.aws.compile.policies.data_flow import DataFlow, Place
from scar.aws.compile.policies.document import canonical
from scar.aws.compile.policies.repositories import lifecycle, repository
from scar.aws.compile.policies.roles import (
    delegate_role,
    execution_role,
    instance_role,
    job_role,
    lambda_role,
    trust,
)

__all__ = [
    "DataFlow",
    "Place",
    "canonical",
    "delegate_role",
    "execution_role",
    "instance_role",
    "job_role",
    "lambda_role",
    "lifecycle",
    "repository",
    "trust",
]
