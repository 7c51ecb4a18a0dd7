"""The caller's policy: complete, and no wider than the functions require."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from hypothesis import example, given

from scar.aws.compile.policies.grants import GRANTS
from scar.aws.compile.policies.scope import PolicyScope, account_scope, scope_of
from scar.aws.compile.policies.user_policy import MAX_POLICY_LENGTH, user_policies
from scar.aws.model.account import Account, partition_of
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function
from tests.fakes.iam_evaluation import IamRequest, Policy
from tests.key_texts import KEY_TEXT

ROOT = Path(__file__).parents[5]
ACCOUNT = Account("123456789012", "eu-west-1")
CROP = new_function(name="crop", image="x", input=(StorageSpec(path="photos/in"),))
BATCH = changed(CROP, execution_mode=ExecutionMode.BATCH, batch=BatchSpec())
SERVICES = (
    "apigatewayv2",
    "batch",
    "ec2",
    "ecr",
    "ecs",
    "efs",
    "iam",
    "kms",
    "lambda",
    "logs",
    "s3",
    "s3files",
    "secretsmanager",
    "service-quotas",
    "sqs",
    "ssm",
)
# The operations that a client's upload_file and download_file call.
TRANSFERS = {
    "s3:AbortMultipartUpload",
    "s3:CompleteMultipartUpload",
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
}


def sdk_methods() -> dict[str, set[str]]:
    """Return every method of scar's clients, each with the operations it may call."""
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
    operations = {operation for grant in GRANTS for operation in grant.operations}
    unknown = {name for name in used & methods.keys() if not methods[name] & operations}
    # AWS returns a bucket's Region with HeadBucket; other stores may need GetBucketLocation.
    # `list_queues` is a function of scar's that lists job queues, `get_document` one of images.
    assert unknown == {"get_bucket_location", "get_document", "list_queues"}
    unused = {
        op
        for op in operations - TRANSFERS
        if not any(op in methods[n] for n in used & methods.keys())
    }
    assert unused == set()


def statements(scope: PolicyScope) -> list[dict[str, Any]]:
    return [s for text in user_policies(scope) for s in json.loads(text)["Statement"]]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def granting(scope: PolicyScope, action: str) -> list[dict[str, Any]]:
    return [s for s in statements(scope) if action in listed(s["Action"])]


def test_only_reads_and_what_has_no_resources_is_granted_everywhere() -> None:
    verbs = ("Get", "List", "Describe")
    for statement in statements(PolicyScope(account=ACCOUNT)):
        actions = listed(statement["Action"])
        # Event source mappings have generated ids: a condition names their functions.
        if statement["Resource"] == "*" and "Condition" not in statement:
            assert all(a.split(":")[1].startswith(verbs) for a in actions), actions


def test_a_function_without_batch_needs_nothing_that_changes_batch() -> None:
    text = "".join(user_policies(scope_of([CROP], ACCOUNT)))
    assert "CreateComputeEnvironment" not in text
    assert "CreateInstanceProfile" not in text
    assert "RegisterJobDefinition" in "".join(user_policies(scope_of([BATCH], ACCOUNT)))


def test_roles_can_be_passed_only_to_their_services() -> None:
    (passing,) = granting(scope_of([CROP], ACCOUNT), "iam:PassRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert all(":role/scar/" in arn for arn in passing["Resource"])
    (passing,) = granting(scope_of([BATCH], ACCOUNT), "iam:PassRole")
    assert len(passing["Condition"]["StringEquals"]["iam:PassedToService"]) == 3


def test_with_the_user_s_roles_none_can_be_created() -> None:
    scope = scope_of([changed(CROP, role="mine")], ACCOUNT)
    assert granting(scope, "iam:CreateRole") == []
    (passing,) = granting(scope, "iam:PassRole")
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/mine"


def test_a_boundary_cannot_be_omitted_or_removed() -> None:
    scope = scope_of([changed(CROP, permissions_boundary="arn:aws:iam::1:policy/b")], ACCOUNT)
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


def test_one_function_s_policy_fits_into_one_document_or_two_with_instances() -> None:
    named = "a-function-with-quite-a-long-name"
    for function, documents in ((CROP, 1), (BATCH, 2), (changed(BATCH, name=named), 2)):
        assert len(user_policies(scope_of([function], ACCOUNT))) == documents
    assert len(user_policies(account_scope(ACCOUNT))) == 2


def test_what_is_longer_comes_in_documents_that_fit_and_grant_the_same() -> None:
    names = [f"function-{number:03}" for number in range(100)]
    scope = scope_of([changed(BATCH, name=name) for name in names], ACCOUNT)
    documents = user_policies(scope)
    assert len(documents) > 10
    assert all(len(text) <= MAX_POLICY_LENGTH for text in documents)
    for action, where in (
        ("lambda:CreateFunction", "function:{}"),
        ("iam:PassRole", "role/scar/{}-eu-west-1-*"),
        ("batch:RegisterJobDefinition", "job-definition/{}"),
    ):
        resources = {r for s in granting(scope, action) for r in listed(s["Resource"])}
        assert all(any(r.endswith(where.format(name)) for r in resources) for name in names)


def test_every_part_of_the_table_has_resources() -> None:
    scope = PolicyScope(account=Account("1", "cn-north-1", "aws-cn"))
    assert "arn:aws:" not in "".join(user_policies(scope))
    for grant in GRANTS:
        for action in grant.extra_actions:
            assert granting(scope, action), action


def test_secrets_may_be_described_but_not_read_by_functions_that_have_some() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
    scope = scope_of([changed(CROP, secrets={"A": arn, "B": "ssm:/b"})], ACCOUNT)
    (statement,) = granting(scope, "secretsmanager:DescribeSecret")
    assert listed(statement["Resource"]) == [f"{arn}-??????"]
    assert granting(scope, "ssm:DescribeParameters")
    assert "GetSecretValue" not in "".join(user_policies(scope))
    only_parameters = scope_of([changed(CROP, secrets={"B": "ssm:/b"})], ACCOUNT)
    assert not granting(only_parameters, "secretsmanager:DescribeSecret")
    for action in ("secretsmanager:DescribeSecret", "ssm:DescribeParameters"):
        assert not granting(scope_of([CROP], ACCOUNT), action)


def test_partitions_are_those_that_the_sdk_knows() -> None:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("sts", partition, allow_non_regional=False):
            assert partition_of(region) == partition


def repositories(scope: PolicyScope, action: str) -> set[str]:
    resources = (r for s in granting(scope, action) for r in listed(s["Resource"]))
    return {r.partition(":repository/")[2] for r in resources if ":repository/" in r}


def test_repositories_are_those_of_the_functions_under_their_prefix() -> None:
    function = changed(CROP, prefix="team/images", role="mine")
    found = repositories(scope_of([function], ACCOUNT), "ecr:PutImage")
    assert found == {"team/images/crop"}
    assert repositories(PolicyScope(account=ACCOUNT), "ecr:PutImage") == {"scar/*"}


def test_images_in_ecr_are_read_only() -> None:
    base = "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/base:1"
    scope = scope_of([changed(CROP, image=base)], ACCOUNT)
    (reading,) = granting(scope, "ecr:BatchGetImage")[1:]
    assert reading["Resource"] == "arn:aws:ecr:us-east-1:210987654321:repository/team/base"
    assert "ecr:PutImage" not in reading["Action"]
    as_it_is = scope_of([changed(CROP, image=base, create_image=False)], ACCOUNT)
    assert "team/base" not in repositories(as_it_is, "ecr:PutImage")
    assert "team/base" in repositories(as_it_is, "ecr:GetDownloadUrlForLayer")
    assert repositories(account_scope(ACCOUNT), "ecr:BatchGetImage") == {"scar/*", "*"}


def test_roles_of_functions_with_longer_names_cannot_be_changed_in_any_region() -> None:
    for account in (ACCOUNT, Account("123456789012", "*")):
        (making,) = granting(scope_of([CROP], account), "iam:CreateRole")
        assert all(
            ":role/scar/crop-" in r or "scar-failure-handler-" in r for r in making["Resource"]
        )


def test_a_profile_of_one_s_own_is_passed_by_its_role_and_to_instances_only() -> None:
    profile = ACCOUNT.iam_arn("instance-profile/team/hosts")
    batch = BatchSpec(
        compute_resources=ComputeResourcesSpec(instance_role=profile),
        service_role=ACCOUNT.iam_arn("role/batchs"),
    )
    function = changed(BATCH, role="mine", batch=batch)
    passing = granting(scope_of([function], ACCOUNT), "iam:PassRole")
    to = {s["Resource"]: s["Condition"]["StringEquals"]["iam:PassedToService"] for s in passing}
    assert to == {
        ACCOUNT.iam_arn("role/mine"): ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"],
        ACCOUNT.iam_arn("role/team/hosts"): "ec2.amazonaws.com",
        ACCOUNT.iam_arn("role/batchs"): "batch.amazonaws.com",
    }


@given(KEY_TEXT, KEY_TEXT)
@example("${*}", "*")
@example("a*", "ab")
def test_names_of_the_user_s_roles_are_literal(name: str, other: str) -> None:
    """Paths of roles may contain wildcards and variables of IAM."""
    roles = [ACCOUNT.iam_arn(f"role/{each}/mine") for each in (name, other)]
    scope = PolicyScope(account=ACCOUNT, roles=(roles[0],), boundary=roles[0])
    policy = Policy.of(json.dumps({"Statement": statements(scope)}))
    to_lambda = {"iam:passedtoservice": "lambda.amazonaws.com"}
    made = ACCOUNT.iam_arn("role/scar/crop-eu-west-1-lambda")
    for role in roles:
        passed = IamRequest("iam:PassRole", role, to_lambda)
        created = IamRequest("iam:CreateRole", made, {"iam:permissionsboundary": role})
        assert bool(policy.allowing(passed)) == (role == roles[0])
        assert bool(policy.allowing(created)) == (role == roles[0])


def test_a_shell_is_allowed_for_functions_that_have_it_and_on_scar_s_clusters_only() -> None:
    with_shell = changed(BATCH, batch=BatchSpec(enable_execute_command=True))
    clusters = f"arn:aws:ecs:eu-west-1:{ACCOUNT.id}:cluster/AWSBatch-scar-*"
    tasks = f"arn:aws:ecs:eu-west-1:{ACCOUNT.id}:task/AWSBatch-scar-*/*"
    (statement,) = [s for s in statements(scope_of([with_shell], ACCOUNT)) if "ecs:" in str(s)]
    assert statement["Action"] == ["ecs:DescribeTasks", "ecs:ExecuteCommand"]
    assert statement["Resource"] == [clusters, tasks]
    for scope in (scope_of([BATCH], ACCOUNT), account_scope(ACCOUNT)):
        assert "ecs:" not in "".join(user_policies(scope))
