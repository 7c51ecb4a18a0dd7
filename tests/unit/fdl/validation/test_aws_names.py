"""Ids and names of AWS's resources: what cannot be one is refused with what to write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:ec2:eu-west-1:123456789012"
IAM = "arn:aws:iam::123456789012"


def problems(folder: Path, place: str, value: object) -> list[str]:
    spec = {"name": "n", "execution_mode": "batch", "container": {"image": "debian:12"}}
    entry: dict[str, Any] = {"lambda": spec}
    *above, last = place.split(".")
    section = entry
    for part in above:
        section = section.setdefault(part, {})
    section[last] = value
    path = folder / "f.json"
    path.write_text(json.dumps({"functions": {"aws": [entry]}}))
    try:
        load_document(path)
    except InvalidFdlError as error:
        return [problem.message for problem in error.problems if "needs both" not in str(problem)]
    return []


SUBNETS = (
    "lambda.vpc.subnets",
    "lambda.vpc.SubnetIds",
    "batch.compute_resources.subnets",
    "batch.compute_resources.SubnetIds",
)
GROUPS = (
    "lambda.vpc.SecurityGroupIds",
    "batch.compute_resources.security_group_ids",
    "batch.compute_resources.SecurityGroupIds",
)


@pytest.mark.parametrize(
    ("places", "value", "message"),
    [
        (SUBNETS, ["subnet-0123456789abcdef0", "subnet-67891"], ""),
        (SUBNETS, "subnet-0123456789abcdef0", ""),
        (SUBNETS, ["subnet-12345 subnet-67891"], "2 ids; write them as a list: [subnet-12345, su"),
        (SUBNETS, ["subnet-1,subnet-2"], "write them as a list: [subnet-1, subnet-2]"),
        (SUBNETS, [f"{ARN}:subnet/subnet-12345"], "an ARN, not the id of a subnet; write subnet-1"),
        (SUBNETS, ["sg-12345"], "is not the id of a subnet, which begins with subnet-"),
        (SUBNETS, ["arn:..."], "write the id, subnet-…"),
        (GROUPS, ["sg-12345678"], ""),
        (GROUPS, ["sg-1 sg-2"], "2 ids; write them as a list: [sg-1, sg-2]"),
        (GROUPS, [f"{ARN}:security-group/sg-1"], "not the id of a security group; write sg-1"),
        (GROUPS, ["default"], "which begins with sg-"),
        (("iam.role", "batch.service_role"), f"{IAM}:role/a/path/r", ""),
        (("iam.role", "batch.service_role"), "arn:...", "arn:aws:iam::<account>:role/<name>"),
        (("iam.role",), "my-role", ""),
        (("iam.role",), f"{IAM}:user/me", "is not a role"),
        (("batch.compute_resources.instance_role",), f"{IAM}:instance-profile/x", ""),
        (("batch.compute_resources.instance_role",), f"{IAM}:role/x", "is not an instance profile"),
    ],
)
def test_ids_and_names(
    tmp_path: Path, places: tuple[str, ...], value: object, message: str
) -> None:
    for place in places:
        found = problems(tmp_path, place, value)
        assert len(found) == bool(message), found
        assert message in "".join(found)
