"""The policy for whoever runs scar: complete, and no wider than the functions ask for."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from scar.aws.account import Account, partition_of
from scar.aws.function import Batch, Compute, Function, Input
from scar.aws.policies.calls import GRANTS, operations
from scar.aws.policies.person import LONGEST, LONGEST_INLINE, Scope, policy, scope_of
from supervisor.model import ExecutionMode

ROOT = Path(__file__).parents[3]
ACCOUNT = Account("123456789012", "eu-west-1")
CROP = Function(name="crop", image="x", inputs=(Input(provider="s3", path="photos/in"),))
BATCH = replace(CROP, mode=ExecutionMode.BATCH, batch=Batch())
SERVICES = ("batch", "ec2", "ecr", "iam", "kms", "lambda", "logs", "s3", "service-quotas")
# What a client's upload_file and download_file call.
TRANSFERS = {
    "s3:AbortMultipartUpload",
    "s3:CompleteMultipartUpload",
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
}


def sdk_methods() -> dict[str, set[str]]:
    """Return every method of the clients that scar makes, with the operations it may be."""
    session = botocore.session.Session()
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            found.setdefault(xform_name(operation), set()).add(f"{service}:{operation}")
    return found


def called() -> set[str]:
    """Return the names of methods that the product calls, paginators' operations included."""
    names: set[str] = set()
    for path in (ROOT / "scar").rglob("*.py"):
        if "local" in path.relative_to(ROOT / "scar").parts[:1]:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in ("get_paginator", "get_waiter"):
                (argument,) = node.args
                assert isinstance(argument, ast.Constant)
                names.add(str(argument.value))
            names.add(node.func.attr)
    return names


def test_every_call_of_the_product_is_in_the_table_and_nothing_else() -> None:
    methods, used = sdk_methods(), called()
    told = operations()
    unknown = {name for name in used & methods.keys() if not methods[name] & told}
    assert unknown == set()
    unused = {
        op for op in told - TRANSFERS if not any(op in methods[n] for n in used & methods.keys())
    }
    assert unused == set()


def statements(scope: Scope) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy(scope))["Statement"]
    return found


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def granting(scope: Scope, action: str) -> list[dict[str, Any]]:
    return [s for s in statements(scope) if action in listed(s["Action"])]


def test_only_reads_and_what_has_no_resources_is_granted_everywhere() -> None:
    verbs = ("Get", "List", "Describe")
    for statement in statements(Scope(account=ACCOUNT)):
        actions = listed(statement["Action"])
        if statement["Resource"] == "*":
            assert all(a.split(":")[1].startswith(verbs) for a in actions), actions


def test_a_function_without_batch_needs_nothing_that_changes_batch() -> None:
    text = policy(scope_of([CROP], ACCOUNT))
    assert "CreateComputeEnvironment" not in text
    assert "CreateInstanceProfile" not in text
    assert "RegisterJobDefinition" in policy(scope_of([BATCH], ACCOUNT))


def test_roles_are_passed_to_the_services_that_take_them_only() -> None:
    (passing,) = granting(scope_of([CROP], ACCOUNT), "iam:PassRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert all(":role/scar/" in arn for arn in passing["Resource"])
    (passing,) = granting(scope_of([BATCH], ACCOUNT), "iam:PassRole")
    assert len(passing["Condition"]["StringEquals"]["iam:PassedToService"]) == 3


def test_with_roles_of_one_s_own_none_can_be_made() -> None:
    scope = scope_of([replace(CROP, role="mine")], ACCOUNT)
    assert granting(scope, "iam:CreateRole") == []
    (passing,) = granting(scope, "iam:PassRole")
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/mine"


def test_a_boundary_cannot_be_left_out_or_taken_away() -> None:
    scope = scope_of([replace(CROP, boundary="arn:aws:iam::1:policy/b")], ACCOUNT)
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        (statement,) = granting(scope, action)
        assert statement["Condition"] == {
            "StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}
        }
    assert granting(scope, "iam:DeleteRolePermissionsBoundary") == []


def test_objects_are_deleted_that_are_folders_only() -> None:
    scope = scope_of([CROP], ACCOUNT)
    resources = {r for s in granting(scope, "s3:DeleteObject") for r in listed(s["Resource"])}
    users = {r for r in resources if ":::photos" in r}
    assert users == {"arn:aws:s3:::photos/*/"}


def test_it_fits_into_one_policy() -> None:
    assert len(policy(Scope(account=ACCOUNT))) <= LONGEST
    widest = scope_of([replace(BATCH, batch=Batch(compute=Compute(disk_gib=80)))], ACCOUNT)
    assert len(policy(widest)) <= LONGEST_INLINE


def test_every_part_of_the_table_has_resources() -> None:
    scope = Scope(account=Account("1", "cn-north-1", "aws-cn"))
    text = policy(scope)
    assert "arn:aws:" not in text
    for grant in GRANTS:
        for action in grant.also:
            assert granting(scope, action), action


def test_partitions_are_those_that_the_sdk_knows() -> None:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("sts", partition, allow_non_regional=False):
            assert partition_of(region) == partition


def test_repositories_are_those_of_the_functions_under_their_prefix() -> None:
    function = replace(CROP, repository_prefix="team/images", role="mine")
    statements = json.loads(policy(scope_of([function], ACCOUNT)))["Statement"]
    (found,) = [s["Resource"] for s in statements if "ecr:PutImage" in s["Action"]]
    assert found == "arn:aws:ecr:eu-west-1:123456789012:repository/team/images/crop"
    statements = json.loads(policy(Scope(account=ACCOUNT)))["Statement"]
    (found,) = [s["Resource"] for s in statements if "ecr:PutImage" in s["Action"]]
    assert found == "arn:aws:ecr:eu-west-1:123456789012:repository/scar/*"
