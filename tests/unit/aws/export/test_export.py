"""The template equals the plan, field by field, and is valid for CloudFormation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile import failure_handler
from scar.aws.compile.compiler import compile_resources
from scar.aws.compile.placeholders import placeholder_networks
from scar.aws.export import pseudo_parameters
from scar.aws.export.desired import compile_for_template
from scar.aws.export.manual_steps import MANUAL_KINDS
from scar.aws.export.parameters import (
    SECURITY_GROUPS,
    SUBNETS,
    file_system_parameter,
    image_parameter,
)
from scar.aws.export.template import CLOUDFORMATION_TYPES, export_template
from scar.aws.model import names, resources
from scar.aws.model.account import Account
from scar.fdl.model import (
    ApiGatewaySpec,
    ArraySpec,
    BatchSpec,
    ComputeResourcesSpec,
    EnvironmentSpec,
    FileSystemSpec,
    JobFileSystemSpec,
    NetworkSpec,
    SchedulingSpec,
    StorageSpec,
    TmpfsSpec,
    UlimitSpec,
)
from scar.fdl.model.endpoint import CorsSpec
from scar.hidden_text import HiddenText
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function
from tests.fakes.template_reader import Reader
from tests.key_texts import FOLDER, FOLDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.function import Function

ACCOUNT = Account("123456789012", "eu-west-1")
EFS_POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
S3_POINT = (
    "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
    "/access-point/fsap-0123456789abcdef0"
)
DIGEST = f"sha256:{'a' * 64}"
LAMBDA = new_function(
    name="crop",
    image="busybox:1",
    description="costs ${much}",
    input=(
        StorageSpec(path="photos/in", suffix=(".jpg",)),
        StorageSpec(path="films"),
    ),
    output=(StorageSpec(path="photos/out"),),
    environment=EnvironmentSpec(Variables={"SAID": "${HOME} and $x"}),
    concurrency=3,
    allow_loop=True,
    permissions_boundary="arn:aws:iam::123456789012:policy/b",
    delete_image=False,
    stored_secrets=(("/scar/crop/minio.lab/token", HiddenText("hunter2")),),
)
EC2 = new_function(
    name="Second",
    image="x",
    execution_mode=ExecutionMode.LAMBDA_BATCH,
    batch=BatchSpec(
        compute_resources=ComputeResourcesSpec(disk=80, max_v_cpus=8),
        file_system=(
            JobFileSystemSpec(
                arn=EFS_POINT, path="/mnt/data", file_system_id="fs-0123456789abcdef0"
            ),
            JobFileSystemSpec(arn=S3_POINT, path="/mnt/bucket", read_only=True),
        ),
        shared_memory=128,
        tmpfs=(TmpfsSpec(path="/scratch", size=64, mount_options=("exec",)),),
        ulimits={"nofile": UlimitSpec(soft=1024, hard=65536)},
    ),
    user_data="#!/bin/sh\n",
)
SPOT = new_function(
    name="third",
    image="x",
    execution_mode=ExecutionMode.BATCH,
    log_retention_policy_in_days=7,
    batch=BatchSpec(
        enable_gpu=True,
        environment=EnvironmentSpec(Variables={"TOOL": "1"}),
        compute_resources=ComputeResourcesSpec(
            type="SPOT",
            subnets=("subnet-0123456789abcdef0",),
            security_group_ids=("sg-0123456789abcdef0",),
        ),
    ),
)
FARGATE = new_function(
    name="fourth",
    image="x",
    architecture="arm64",
    execution_mode=ExecutionMode.BATCH,
    batch=BatchSpec(
        compute_resources=ComputeResourcesSpec(type="FARGATE_SPOT", disk=30),
        file_system=(JobFileSystemSpec(arn=EFS_POINT, path="/mnt/data"),),
    ),
)
VPC = new_function(
    name="fifth",
    image="x",
    role="arn:aws:iam::123456789012:role/mine",
    vpc=NetworkSpec(
        subnets=("subnet-0123456789abcdef0",), security_group_ids=("sg-0123456789abcdef0",)
    ),
    file_system=(FileSystemSpec(arn=EFS_POINT, path="/mnt/data"),),
)
SHARED = new_function(
    name="sixth",
    image="x",
    execution_mode=ExecutionMode.BATCH,
    batch=BatchSpec(
        compute_resources=ComputeResourcesSpec(
            preset="dual",
            bid_percentage=60,
            scale_down_delay=30,
            wait_limit=7200,
            shares={"labA": 0.5},
        ),
        scheduling=SchedulingSpec(share="labA", priority=7),
    ),
)
GATHERED = new_function(
    name="seventh",
    image="x",
    execution_mode=ExecutionMode.BATCH,
    input=(StorageSpec(path="scans/in"),),
    batch=BatchSpec(array=ArraySpec(window=60, size=500)),
)
CORS = CorsSpec(allow_origins=("https://example.org",), max_age=60)
API = new_function(
    name="eighth",
    image="x",
    endpoint=ApiGatewaySpec(name="photos", authentication="NONE", cors=CORS),
)
SIGNED_API = new_function(name="ninth", image="x", endpoint=ApiGatewaySpec(name="photos"))
URL = new_function(
    name="tenth",
    image="x",
    endpoint=ApiGatewaySpec(type_="url", authentication="NONE", cors=CORS),
)
SIGNED_URL = new_function(name="last", image="x", endpoint=ApiGatewaySpec(type_="url"))
ALL = (LAMBDA, EC2, SPOT, FARGATE, VPC, SHARED, GATHERED, API, SIGNED_API, URL, SIGNED_URL)
VALUES: dict[str, object] = {
    "AWS::AccountId": ACCOUNT.id,
    "AWS::Region": ACCOUNT.region,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    SUBNETS: ["subnet-1", "subnet-2"],
    SECURITY_GROUPS: ["sg-1"],
    file_system_parameter(EFS_POINT): "fs-0123456789abcdef0",
    **{image_parameter(n): DIGEST for n in (*(f.name for f in ALL), names.FAILURE_HANDLER)},
}


def planned(
    account: Account, functions: Sequence[Function]
) -> dict[resources.ResourceKey, resources.Resource]:
    """Compile as init does for a known account, except that networks are parameters."""
    found = compile_resources(
        functions,
        account,
        images=dict.fromkeys((*(f.name for f in functions), names.FAILURE_HANDLER), DIGEST),
        networks=placeholder_networks(
            functions,
            (pseudo_parameters.mark(SUBNETS),),
            (pseudo_parameters.mark(SECURITY_GROUPS),),
        ),
        file_systems={EFS_POINT: "fs-0123456789abcdef0"},
    )
    return {r.key: filled(r) for r in found}


def filled(resource: resources.Resource) -> resources.Resource:
    """Replace placeholders by the values of the parameters; a template has no secrets."""
    if isinstance(resource, resources.SecretParameter):
        return resources.SecretParameter(name=resource.name)
    if isinstance(resource, resources.ComputeEnvironment):
        subnets, groups = (
            (pseudo_parameters.mark(SUBNETS),),
            (pseudo_parameters.mark(SECURITY_GROUPS),),
        )
        return replace(
            resource,
            subnets=("subnet-1", "subnet-2") if resource.subnets == subnets else resource.subnets,
            security_groups=("sg-1",)
            if resource.security_groups == groups
            else resource.security_groups,
        )
    return resource


def read(
    account: Account, functions: Sequence[Function]
) -> dict[resources.ResourceKey, resources.Resource]:
    exported = export_template(compile_for_template(functions, account), account.region)
    again = json.loads(json.dumps(exported.template))
    return {r.key: r for r in Reader(again, VALUES).read()}


def has_url(function: Function) -> bool:
    return function.endpoint is not None and function.endpoint.type_ == "url"


@pytest.mark.parametrize("function", ALL, ids=lambda f: f.name)
def test_each_function_s_resources_are_the_plan_s(function: Function) -> None:
    assert read(ACCOUNT, [function]) == planned(ACCOUNT, [function])


def test_all_resources_together_are_the_plan_s() -> None:
    assert read(ACCOUNT, ALL) == planned(ACCOUNT, ALL)


def test_the_account_can_be_that_of_the_stack() -> None:
    """Without compute environments: their names are digests that include the account."""
    functions = (LAMBDA, VPC)
    anywhere = pseudo_parameters.account_with_marks("", "")
    assert read(anywhere, functions) == planned(ACCOUNT, functions)


@given(
    st.text(st.sampled_from('a${}!\\"é\n'), max_size=12),
    st.integers(0, 2),
    st.booleans(),
)
def test_any_text_of_users_is_exported_unchanged(text: str, retries: int, keep: bool) -> None:
    function = changed(
        EC2,
        description=text,
        environment=EnvironmentSpec(Variables={"SAID": text}),
        retries=retries,
        delete_image=not keep,
        batch=BatchSpec(
            environment=EnvironmentSpec(Variables={"TOOL": text}),
            compute_resources=ComputeResourcesSpec(max_v_cpus=retries + 1),
        ),
    )
    assert read(ACCOUNT, [function]) == planned(ACCOUNT, [function])


@given(FOLDER, st.sampled_from(["", ".jpg", " (1).jpg", "=x+y%"]))
def test_any_folder_is_exported_as_init_deploys_it(folder: str, suffix: str) -> None:
    """In notification filters and in policies, also where the template substitutes parameters."""
    item = StorageSpec.model_construct(
        storage_provider="s3", path=f"photos/{folder}", prefix=(), suffix=(suffix,)
    )
    function = changed(LAMBDA, input=(item,))
    anywhere = pseudo_parameters.account_with_marks("", "")
    for account in (ACCOUNT, anywhere):
        assert read(account, [function]) == planned(ACCOUNT, [function])


@pytest.mark.parametrize(
    "account",
    [
        ACCOUNT,
        pseudo_parameters.account_with_marks("", ""),
        pseudo_parameters.account_with_marks("", "cn-north-1"),
        pseudo_parameters.account_with_marks("123456789012", "us-gov-west-1"),
    ],
    ids=["known", "any", "china", "gov"],
)
def test_cfn_lint_accepts_it(account: Account) -> None:
    # By its list, GovCloud has no function URLs.
    functions = ALL if "gov" not in account.region else tuple(f for f in ALL if not has_url(f))
    template = export_template(compile_for_template(functions, account), account.region).template
    regions = [] if account.region.startswith(chr(0xE000)) else [account.region]
    from cfnlint import api as cfnlint  # 50 MiB, for the worker that runs this only

    found = cfnlint.lint(json.dumps(template), regions=regions or None)
    assert [f"{m.rule.id} {m.message}" for m in found] == []


def test_cfn_lint_accepts_every_folder_name() -> None:
    """Variables of IAM in texts with parameters of the template are escaped."""
    folders = tuple(
        StorageSpec.model_construct(path=f"photos/{folder}", prefix=(), suffix=())
        for folder in FOLDERS
    )
    function = changed(LAMBDA, input=folders, output=folders)
    account = pseudo_parameters.account_with_marks("", "")
    template = export_template(compile_for_template([function], account), account.region).template
    from cfnlint import api as cfnlint  # 50 MiB, for the worker that runs this only

    # cfn-lint does not parse escapes of characters above U+FFFF.
    found = cfnlint.lint(json.dumps(template, ensure_ascii=False))
    assert [f"{m.rule.id} {m.message}" for m in found] == []


def test_every_resource_type_is_exported_or_a_manual_step_or_never_desired() -> None:
    every = {
        kind
        for kind in (getattr(resources, name) for name in resources.__all__)
        if isinstance(kind, type)
        and issubclass(kind, resources.Resource)
        and kind not in (resources.Resource, resources.HttpEndpoint)  # kinds have these in common
    }
    own = {resources.Bucket, resources.JobDefinition}  # which need more than themselves
    deleted_only = {resources.UnusedImage, resources.SupersededRepository}  # observed, not desired
    assert {*CLOUDFORMATION_TYPES, *MANUAL_KINDS, *deleted_only, *own} == every


def test_the_compiled_resources_cover_every_type() -> None:
    compiled = {type(r) for r in planned(ACCOUNT, ALL).values()}
    missing = {
        *CLOUDFORMATION_TYPES,
        *MANUAL_KINDS,
        resources.Bucket,
        resources.JobDefinition,
    } - compiled
    assert missing == set()


def test_an_unknown_resource_type_is_an_error() -> None:
    class Unknown(resources.Resource):
        kind = "unknown"

    with pytest.raises(TypeError, match="unknown x"):
        export_template([Unknown(name="x")], "eu-west-1")


def test_what_cloudformation_cannot_do_is_a_manual_step() -> None:
    exported = export_template(compile_for_template(ALL, ACCOUNT), ACCOUNT.region)
    metadata = exported.template["Metadata"]["scar"]
    assert metadata["manual_steps"] == list(exported.manual_steps)
    for word in ("Images", "Notifications", "Folders", "Objects"):
        assert any(sentence.startswith(word) for sentence in exported.manual_steps)
    assert len(metadata["notifications"]) == 3
    assert len(metadata["images"]) == len(ALL) + 1


def test_functions_depend_on_their_image_and_buckets_are_retained() -> None:
    exported = (
        export_template(compile_for_template([LAMBDA], ACCOUNT), ACCOUNT.region)
        .template["Resources"]
        .values()
    )
    conditions = {r["Type"]: r.get("Condition") for r in exported}
    assert conditions["AWS::Lambda::Function"] == "ImagesArePushed"
    assert conditions["AWS::ECR::Repository"] is None
    assert conditions["AWS::IAM::Role"] is None
    kept = {r["Type"] for r in exported if r.get("DeletionPolicy") == "Retain"}
    assert kept == {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::ECR::Repository"}


def test_a_bucket_comes_after_the_permission_that_s3_tries() -> None:
    exported = export_template(compile_for_template([LAMBDA], ACCOUNT), ACCOUNT.region).template[
        "Resources"
    ]
    (photos,) = (r for r in exported.values() if r["Properties"].get("BucketName") == "photos")
    needed = {exported[name]["Type"] for name in photos["DependsOn"]}
    assert "AWS::Lambda::Permission" in needed


def test_the_failure_handler_is_exported() -> None:
    assert failure_handler.handler_function([LAMBDA]) is not None
    assert resources.ResourceKey("function", names.FAILURE_HANDLER) in read(ACCOUNT, [LAMBDA])


def test_text_that_looks_like_a_variable_is_escaped() -> None:
    text = f"${{HOME}} in {pseudo_parameters.mark('Region')}"
    assert pseudo_parameters.render_value(text) == {"Fn::Sub": "${!HOME} in ${AWS::Region}"}
    assert pseudo_parameters.render_value("${HOME}") == "${HOME}"
    assert pseudo_parameters.render_value([pseudo_parameters.mark(SUBNETS)]) == {"Ref": SUBNETS}


def test_text_that_cloudformation_would_resolve_is_mentioned() -> None:
    text = "{{resolve:ssm:name}}"
    function = changed(LAMBDA, environment=EnvironmentSpec(Variables={"A": text}))
    steps = {
        name: export_template(compile_for_template([f], ACCOUNT), ACCOUNT.region).manual_steps
        for name, f in {"with": function, "without": LAMBDA}.items()
    }
    assert [any("{{resolve:" in step for step in steps[name]) for name in steps] == [True, False]
