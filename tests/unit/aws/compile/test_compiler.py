"""A function is compiled to resources and to its ``function.json``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.batch.job_capacity import job_capacity
from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.compile.compiler import compile_resources
from scar.aws.compile.function_config import function_config
from scar.aws.model import names
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import (
    BatchTargetRecord,
    Bucket,
    BucketNotification,
    ComputeEnvironment,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    Resource,
    ResourceKey,
    Role,
)
from scar.aws.requests.validator import check
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, StorageSpec
from supervisor.config import config_to_json, parse_config
from supervisor.connections import ProviderConfig
from supervisor.job_model import BatchTarget
from supervisor.model import ExecutionMode, ImageDefaults, InputRule, OutputRule
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function

ACCOUNT = Account("123456789012", "eu-west-1")
NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",), needs_public_ip=True)
DIGEST = f"sha256:{'0' * 64}"
CROP = new_function(
    name="crop",
    image="busybox:1",
    init_script=Path("scripts/crop.sh"),
    input=(StorageSpec(path="photos/in/"),),
    output=(StorageSpec(storage_provider="s3.mine", path="photos/out"),),
)
BATCH = changed(CROP, execution_mode=ExecutionMode.BATCH, batch=BatchSpec())


def compiled(*functions: Function, account: Account = ACCOUNT) -> dict[ResourceKey, Resource]:
    found = compile_resources(
        functions,
        account,
        images={f.name: DIGEST for f in functions},
        networks={f.name: NETWORK for f in functions if f.batch},
    )
    assert len({r.key for r in found}) == len(found)
    return {r.key: r for r in found}


R = TypeVar("R", bound=Resource)


def only(resources: dict[ResourceKey, Resource], kind: type[R]) -> R:
    (found,) = (r for r in resources.values() if isinstance(r, kind))
    return found


def test_a_lambda_function_has_nothing_of_batch() -> None:
    kinds = {key.kind for key in compiled(CROP)}
    assert kinds == {
        "batch-target",  # the record, which other deployments read too
        "bucket",
        "event-invoke-config",
        "function",
        "image",
        "log-group",
        "notification",
        "permission",
        "repository",
        "role",
        "state-bucket",
    }


@pytest.mark.parametrize("function", [CROP, BATCH])
def test_all_dependencies_that_scar_manages_are_compiled_too(function: Function) -> None:
    resources = compiled(function)
    for resource in resources.values():
        for key in resource.depends_on:
            is_managed = key.name and not (key.kind == "job-definition" and function.batch is None)
            assert key in resources or not is_managed, (resource.key, key)


def test_the_folder_decides_what_starts_the_function() -> None:
    resources = compiled(CROP)
    rule = only(resources, BucketNotification)
    assert (rule.bucket, rule.prefix, rule.suffix) == ("photos", "in/", "")
    assert only(resources, Bucket).folders == ("in/", "out/")
    permission = only(resources, InvokePermission)
    assert permission.source_arn == "arn:aws:s3:::photos"
    assert permission.source_account == ACCOUNT.id


def test_a_whole_bucket_can_invoke_the_function() -> None:
    rule = only(
        compiled(changed(CROP, input=(StorageSpec(path="photos"),), output=())),
        BucketNotification,
    )
    assert rule.prefix == ""


def test_retries_are_set_even_if_there_are_none() -> None:
    assert only(compiled(CROP), EventInvokeConfig).retries == 0


def test_function_json_has_the_settings_and_the_batch_target() -> None:
    config = function_config(BATCH, ACCOUNT, ImageDefaults(user="app"), NETWORK)
    assert config.script == "crop.sh"
    assert config.state_bucket == "scar-123456789012-eu-west-1"
    # The account's S3: a provider without keys of its own.
    assert config.outputs == (OutputRule(provider="s3", path="photos/out"),)
    assert config.image.user == "app"
    queue = only(compiled(BATCH), JobQueue).name
    assert BATCH.batch is not None
    assert config.memory == BATCH.lambda_.memory
    rules = only(compiled(BATCH), JobDefinition).retry_rules
    assert config.batch == BatchTarget(
        queue=queue,
        definition="crop",
        vcpus="1",
        memory=1024,
        larger=larger_sizes(BATCH.batch),
        queues={"default": queue},
        capacity=job_capacity(BATCH.batch, "x86_64"),
        exit_rules=tuple(dict(rule) for rule in rules),
    )
    assert function_config(CROP, ACCOUNT, ImageDefaults()).batch is None


def test_an_output_in_s3_with_other_keys_keeps_the_name_of_its_provider() -> None:
    mine = ProviderConfig(name="s3.mine", secrets={"access_key": "ssm:/a"})
    config = function_config(replace(CROP, providers=(mine,)), ACCOUNT, ImageDefaults())
    assert [str(rule.target("x")) for rule in config.outputs] == ["s3.mine:photos/out/x"]


def test_input_rules_equal_the_notifications_and_are_in_the_state_bucket_too() -> None:
    crop = changed(
        CROP,
        input=(StorageSpec(path="photos/in", suffix=(".jpg",)), StorageSpec(path="raw")),
    )
    config = function_config(crop, ACCOUNT, ImageDefaults())
    assert config.inputs == (
        InputRule(bucket="photos", folder="in/", suffix=".jpg"),
        InputRule(bucket="raw"),
    )
    assert parse_config(only(compiled(crop), BatchTargetRecord).text).inputs == config.inputs


def test_function_json_says_whether_scripts_are_accepted() -> None:
    for value in (True, False):
        config = function_config(changed(CROP, allow_script=value), ACCOUNT, ImageDefaults())
        assert parse_config(config_to_json(config)).allow_script is value


def test_both_services_run_the_same_image() -> None:
    resources = compiled(BATCH)
    uri = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/scar/crop@{DIGEST}"
    assert only(resources, LambdaFunction).image == uri
    assert only(resources, JobDefinition).image == uri


def test_jobs_have_a_timeout_and_their_requirements() -> None:
    from scar.aws.requests.batch_requests import register_definition_request

    request = register_definition_request(only(compiled(BATCH), JobDefinition), "eu-west-1")
    assert request["timeout"]["attemptDurationSeconds"] >= 60
    requirements = request["containerProperties"]["resourceRequirements"]
    assert requirements == [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "1024"}]


def environment_name(service_role: str = "", **changes: object) -> str:
    compute = ComputeResourcesSpec.model_validate(changes)
    batch = BatchSpec(compute_resources=compute, service_role=service_role)
    function = changed(BATCH, batch=batch)
    return only(compiled(function), ComputeEnvironment).name


@pytest.mark.parametrize("kind", ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"])
def test_jobs_wait_for_their_log_and_lose_no_line(kind: str) -> None:
    from scar.aws.requests.batch_requests import register_definition_request

    batch = BatchSpec.model_validate({"compute_resources": {"type": kind}})
    definition = only(compiled(changed(BATCH, batch=batch)), JobDefinition)
    request = register_definition_request(definition, "eu-west-1")
    log = request["containerProperties"]["logConfiguration"]
    assert log["options"]["mode"] == "blocking"


def test_a_queue_cancels_jobs_that_block_it_and_keeps_those_that_wait_for_capacity() -> None:
    from scar.aws.requests.batch_requests import create_queue_request

    request = create_queue_request(only(compiled(BATCH), JobQueue))
    actions = request["jobStateTimeLimitActions"]
    assert [action["reason"] for action in actions] == [
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    ]
    assert {(a["state"], a["action"], a["maxTimeSeconds"]) for a in actions} == {
        ("RUNNABLE", "CANCEL", 600)
    }


def test_names_of_compute_environments_are_those_of_earlier_releases() -> None:
    # With a launch template for every instance: "scar-6dd9d7b90d52" before.
    assert environment_name() == "scar-73596381b557"
    assert environment_name(type="FARGATE") == "scar-b4dd1ae56fb7"


def test_compute_environments_are_named_by_their_content() -> None:
    assert environment_name() == environment_name()
    others = {
        environment_name(max_v_cpus=4),
        environment_name(type="SPOT"),
        environment_name(type="FARGATE"),
        environment_name(instance_types=("c7i",)),
        environment_name(service_role="arn:aws:iam::1:role/x"),
    }
    assert len(others | {environment_name()}) == 6


def test_architectures_never_share_a_queue() -> None:
    def queue(architecture: str, kind: str) -> str:
        batch = BatchSpec.model_validate({"compute_resources": {"type": kind}})
        function = changed(BATCH, architecture=architecture, batch=batch)
        return only(compiled(function), JobQueue).name

    assert queue("arm64", "EC2") != queue("x86_64", "EC2")
    assert queue("arm64", "FARGATE") != queue("x86_64", "FARGATE")


def test_roles_allow_access_to_the_function_s_own_data_only() -> None:
    role = compiled(BATCH)[ResourceKey("role", "crop-eu-west-1-lambda")]
    assert isinstance(role, Role)
    statements = json.loads(role.policy)["Statement"]
    grants = {
        (action, resource)
        for s in statements
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
        for resource in ([s["Resource"]] if isinstance(s["Resource"], str) else s["Resource"])
    }
    put = {resource for action, resource in grants if action == "s3:PutObject"}
    assert put == {
        "arn:aws:s3:::photos/out/*",
        "arn:aws:s3:::scar-123456789012-eu-west-1/runs/crop/*",
    }
    assert ("s3:GetObject", "arn:aws:s3:::photos/in/*") in grants
    submit = {resource for action, resource in grants if action == "batch:SubmitJob"}
    assert len(submit) == 3
    everywhere = {action for action, resource in grants if resource == "*"}
    assert everywhere == {"batch:DescribeJobs"}  # cannot be restricted to a resource


def test_a_custom_role_replaces_all_generated_ones() -> None:
    resources = compiled(changed(BATCH, role="arn:aws:iam::1:role/mine"))
    assert only(resources, LambdaFunction).role_arn == "arn:aws:iam::1:role/mine"
    assert only(resources, JobDefinition).job_role == "arn:aws:iam::1:role/mine"
    assert [k.name for k in resources if k.kind == "role"] == ["scar-instances-eu-west-1"]


def test_a_function_with_a_custom_role_knows_that_it_has_no_failure_handler() -> None:
    """A run that Batch throttles then fails: nothing would take it up again."""
    own = changed(BATCH, role="arn:aws:iam::1:role/mine")
    for function, handled in ((BATCH, True), (own, False)):
        config = function_config(function, ACCOUNT, ImageDefaults(), NETWORK)
        assert config.has_failure_handler is handled


def test_china_has_its_own_partition_and_domain() -> None:
    account = Account("1", "cn-north-1", "aws-cn")
    resources = compiled(CROP, account=account)
    assert only(resources, LambdaFunction).image.startswith(
        "1.dkr.ecr.cn-north-1.amazonaws.com.cn/"
    )
    assert only(resources, InvokePermission).source_arn == "arn:aws-cn:s3:::photos"


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=4), st.sampled_from(["", "/"]))
def test_a_folder_is_empty_or_ends_with_one_slash(parts: list[str], end: str) -> None:
    prefix = StorageSpec(path="/".join((end + "photos", *parts)) + end).folder
    assert prefix == "" or (prefix.endswith("/") and not prefix.startswith("/"))
    assert not prefix.endswith("//")


@given(st.text("aZ0-_", min_size=1, max_size=64), st.sampled_from(["lambda", "job"]))
def test_role_names_fit_and_differ_by_region(function: str, purpose: str) -> None:
    one = names.role_name(function, "eu-west-1", purpose)
    assert len(one) <= 64
    assert one != names.role_name(function, "ap-southeast-2", purpose)


@given(st.text("aZ0-_", min_size=1, max_size=40), st.text("a/", max_size=5))
def test_a_notification_is_recognized_by_its_id(function: str, prefix: str) -> None:
    rule = names.notification_rule_id(function, "photos", prefix, "")
    assert names.is_notification_of(rule, function)
    assert not names.is_notification_of(rule, f"{function}x")
    assert not names.is_notification_of("scar-like", function)


@given(st.text(max_size=300) | st.sampled_from(["aws:latest", "AWS:1", "a b@sha256:0", "ª²Ⅷ٣"]))
def test_any_name_of_an_image_becomes_a_valid_tag(image: str) -> None:
    function = changed(CROP, image=image)
    resources = compile_resources([function], ACCOUNT, images={"crop": "sha256:0"}, networks={})
    (tags,) = (r.tags for r in resources if isinstance(r, LambdaFunction))
    assert check("lambda", "CreateFunction", {"Tags": dict(tags)}) == ()
    assert not dict(tags).get(names.IMAGE_TAG, "").lower().startswith("aws:")
