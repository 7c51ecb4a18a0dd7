"""A user with exactly the printed policy: a role of the operator's account, one per FDL file.

A role costs nothing and has no long-lived keys. The local cloud stores roles and policies but
has no AssumeRole: there the commands run with its only key.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.acceptance.kit.run import ROLE_PATH, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.acceptance.kit.run import AcceptanceRun

PROPAGATION_SECONDS = 15.0  # docs: IAM is eventually consistent, without a bound
ASSUME_SECONDS = 120.0


def create_user(run: AcceptanceRun, name: str, policies: Sequence[Any]) -> str:
    """Create a role with these policies and no others; return its path and name."""
    iam, account = run.target.client("iam"), run.target.client("sts").get_caller_identity()
    partition, tags = account["Arn"].split(":")[1], [{"Key": TAG, "Value": run.settings.run}]
    role = f"scar-acceptance-{run.settings.run}-{name}"[:64]
    run.journal.append("user", name=role)
    operator = {"AWS": f"arn:{partition}:iam::{account['Account']}:root"}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": operator}
    trust = {"Version": "2012-10-17", "Statement": [allow]}
    iam.create_role(
        Path=ROLE_PATH, RoleName=role, AssumeRolePolicyDocument=json.dumps(trust), Tags=tags
    )
    for number, policy in enumerate(policies):
        arn = iam.create_policy(
            Path=ROLE_PATH, PolicyName=f"{role}-{number}", PolicyDocument=json.dumps(policy)
        )["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    if run.settings.is_aws:
        _wait_until_assumable(run, f"{ROLE_PATH[1:]}{role}")
    return f"{ROLE_PATH[1:]}{role}"


def delete_user(run: AcceptanceRun, role: str) -> None:
    """Delete a role and its policies; do nothing if it is gone."""
    iam = run.target.client("iam")
    try:
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        for policy in attached:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
            iam.delete_policy(PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=role)
    except iam.exceptions.NoSuchEntityException:
        pass
    run.journal.append("user deleted", name=role)


def _wait_until_assumable(run: AcceptanceRun, role: str) -> None:
    """Wait until the role can be assumed, and then until its policies have probably spread."""
    end = time.monotonic() + ASSUME_SECONDS
    with run.timed("role can be assumed"):
        while True:
            try:
                run.target.environment(role)
                break
            except ClientError:
                if time.monotonic() > end:
                    raise
                time.sleep(2)
    time.sleep(PROPAGATION_SECONDS)
