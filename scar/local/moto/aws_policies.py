"""The managed policies of AWS, which every account has and moto's has not."""

from __future__ import annotations

import json


def add_aws_policy(account: str, arn: str) -> None:
    """Add a managed policy of AWS to moto's IAM before it is attached; others are left alone.

    moto can load all of them at its start, which takes seconds and most of them are never used.
    """
    prefix, _, name = arn.rpartition("/")
    if not prefix.partition(":iam::")[2].startswith("aws:policy"):
        return
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends

    backend = iam_backends[account]["aws"]
    data = json.loads(aws_managed_policies_data).get(name)
    if data is None or arn in backend.managed_policies:
        return
    policy = AWSManagedPolicy.from_data(name, account, "us-east-1", data)
    if policy.arn == arn:  # the path counts too
        backend.managed_policies[arn] = policy
