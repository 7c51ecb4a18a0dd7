"""Errors in the account stop a deployment; other problems are warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.account.account_state import AccountState
from scar.aws.account.buckets import BucketState, parse_location_constraint
from scar.aws.account.pass_role import PassRoleCheck
from scar.aws.account.quotas import Quotas
from scar.aws.compile.passed_roles import custom_instance_profiles, passed_roles
from scar.aws.model.account import Account
from scar.aws.model.network import SubnetRoute, VpcNetwork
from scar.aws.model.plan import Create, Plan
from scar.aws.model.resources import ComputeEnvironment, JobQueue, Resource
from scar.aws.model.vcpu_quotas import quotas_of
from scar.aws.validation import account_checks
from scar.fdl.model import BatchSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function
    from scar.aws.model.resources import ComputeType

ACCOUNT = Account("123456789012", "eu-west-1")
CROP = new_function(
    name="crop",
    image="x",
    input=(StorageSpec(path="photos/in"),),
    output=(StorageSpec(storage_provider="s3.mine", path="albums/out"),),
)
SEEN = {name: BucketState(name=name, region="eu-west-1") for name in ("photos", "albums")}
ACCOUNT_STATE = AccountState(account=ACCOUNT, buckets=SEEN)


def on(kind: ComputeType = "EC2", **batch: object) -> Function:
    batch_spec = BatchSpec.model_validate({"compute_resources": {"type": kind}, **batch})
    return changed(CROP, execution_mode=ExecutionMode.BATCH, batch=batch_spec)


def errors(account_state: AccountState, function: Function = CROP) -> list[str]:
    return list(account_checks.find_errors([function], account_state))


def warnings(account_state: AccountState, function: Function = CROP) -> list[str]:
    return list(account_checks.find_warnings([function], account_state))


def seeing(**changes: object) -> AccountState:
    photos = replace(SEEN["photos"], **changes)  # type: ignore[arg-type]
    return replace(ACCOUNT_STATE, buckets={**SEEN, "photos": photos})


def test_an_account_without_problems_has_no_findings() -> None:
    assert errors(ACCOUNT_STATE) == warnings(ACCOUNT_STATE) == []
    assert errors(seeing(exists=False, region="")) == []


def test_a_bucket_of_another_account_is_an_error_with_a_remedy_for_its_owner() -> None:
    (fault,) = errors(seeing(is_same_account=False))
    assert fault.startswith("crop: bucket photos belongs to another account than 123456789012")
    assert "replicate" in fault


def test_a_bucket_of_another_region_is_rejected() -> None:
    (fault,) = errors(seeing(region="us-east-1"))
    assert "photos is in us-east-1, the function in eu-west-1" in fault


@pytest.mark.parametrize(
    ("location", "region"),
    [(None, "us-east-1"), ("", "us-east-1"), ("EU", "eu-west-1"), ("ap-south-2", "ap-south-2")],
)
def test_the_oldest_regions_have_other_names_as_locations(
    location: str | None, region: str
) -> None:
    assert parse_location_constraint(location) == region


def test_keys_of_buckets_become_arns() -> None:
    arn = "arn:aws:kms:eu-west-1:210987654321:key/abc"
    assert seeing(kms_key=arn).kms_keys == {"photos": arn}
    assert seeing(kms_key="abc").kms_keys == {
        "photos": "arn:aws:kms:eu-west-1:123456789012:key/abc"
    }
    assert seeing(kms_key="arn:aws:kms:eu-west-1:1:alias/aws/s3").kms_keys == {}


def test_an_unknown_kms_key_is_a_warning() -> None:
    (warning,) = warnings(seeing(kms_key="arn:aws:kms:eu-west-1:1:alias/mine"))
    assert "alias/mine" in warning
    (warning,) = warnings(seeing(is_encryption_hidden=True))
    assert "s3:GetEncryptionConfiguration" in warning
    assert warnings(seeing(kms_key="arn:aws:kms:eu-west-1:1:alias/aws/s3")) == []


def test_a_subnet_without_a_route_to_the_internet_is_named_with_the_function() -> None:
    closed = VpcNetwork(
        subnets=("subnet-7",),
        subnet_routes=(SubnetRoute(subnet="subnet-7", has_internet_gateway=True),),
    )
    account_state = replace(
        ACCOUNT_STATE, job_networks={"crop": closed}, function_networks={"crop": closed}
    )
    assert len(errors(replace(account_state, function_networks={}), on())) == 1
    assert errors(replace(account_state, function_networks={}), on("FARGATE")) == []
    in_vpc = errors(replace(account_state, job_networks={}), on("FARGATE"))
    assert "endpoints for batch, s3" in in_vpc[0]
    assert in_vpc[0].startswith("crop: Subnet subnet-7")


def test_nodes_have_no_public_address_and_need_an_endpoint_of_s3() -> None:
    public = SubnetRoute(subnet="subnet-7", has_internet_gateway=True, assigns_public_ip=True)

    def found(route: SubnetRoute, *, enabled: bool = True) -> list[str]:
        network = VpcNetwork(subnets=("subnet-7",), subnet_routes=(route,))
        spec = {"enabled": enabled, "number_nodes": 2}
        function = on("EC2", multi_node_parallel=spec)
        return errors(replace(ACCOUNT_STATE, job_networks={"crop": network}), function)

    (problem,) = found(public)
    assert problem.startswith("crop: nodes: Subnet subnet-7")
    assert problem.endswith("add VPC endpoints for s3.")
    assert found(public, enabled=False) == []
    assert found(replace(public, endpoints=frozenset({"s3"}))) == []
    assert found(replace(public, has_nat=True)) == []


def test_roles_that_cannot_be_passed_are_errors_and_unknown_ones_warnings() -> None:
    account_state = replace(
        ACCOUNT_STATE, pass_role_check=PassRoleCheck(failures=("no",), unknown=("perhaps",))
    )
    assert errors(account_state) == ["no"]
    assert warnings(account_state) == ["perhaps"]


def test_low_concurrency_and_large_reservations_are_warnings() -> None:
    (warning,) = warnings(replace(ACCOUNT_STATE, quotas=Quotas(concurrency=10, unreserved=10)))
    assert "at most 10 events at once" in warning
    enough = replace(ACCOUNT_STATE, quotas=Quotas(concurrency=1000, unreserved=1000))
    assert warnings(enough) == []
    (warning,) = warnings(enough, changed(CROP, concurrency=950))
    assert "reserve 950 of 1000" in warning


@pytest.mark.parametrize(
    ("quota", "expected"), [(1, "no job ever starts"), (4, "fewer jobs"), (16, "")]
)
def test_a_small_quota_of_vcpus_is_a_warning(quota: int, expected: str) -> None:
    (standard,) = quotas_of("SPOT", (), "x86_64", 0)
    account_state = replace(ACCOUNT_STATE, quotas=Quotas(vcpus={standard: quota}))
    function = on("SPOT", vcpus=2, compute_resources={"type": "SPOT", "max_v_cpus": 16})
    found = warnings(account_state, function)
    assert len(found) == bool(expected)
    assert all(expected in warning for warning in found)
    assert warnings(account_state, on("EC2")) == []


def test_instances_of_several_classes_count_for_a_quota_each() -> None:
    types = ["g5", "p4d"]
    compute = {"type": "EC2", "max_v_cpus": 96, "instance_types": types}
    function = on("EC2", vcpus=8, gpus=1, compute_resources=compute)
    g, p = sorted(quotas_of("EC2", types, "x86_64", 1), key=lambda quota: quota.name)
    state = replace(ACCOUNT_STATE, quotas=Quotas(vcpus={g: 8, p: 0}))
    found = [w for w in warnings(state, function) if "quota" in w]
    assert len(found) == 1
    assert "'Running On-Demand G and VT instances' is 8" in found[0]
    assert "'Running On-Demand P instances' is 0 vCPUs: fewer jobs run at once" in found[0]
    enough = replace(ACCOUNT_STATE, quotas=Quotas(vcpus={g: 8, p: 96}))
    assert [w for w in warnings(enough, function) if "quota" in w] == []
    one_unknown = replace(ACCOUNT_STATE, quotas=Quotas(vcpus={g: 8}))
    assert [w for w in warnings(one_unknown, function) if "quota" in w] == []


@pytest.mark.parametrize("kind", [ComputeEnvironment, JobQueue])
def test_the_account_s_fifty_environments_and_queues_are_counted(kind: type[Resource]) -> None:
    todo = Plan((Create(kind(name="scar-1")), Create(kind(name="scar-2"))))
    assert list(account_checks.check_batch_quotas(todo, {kind: 48})) == []
    (fault,) = account_checks.check_batch_quotas(todo, {kind: 49})
    assert "has 49" in fault
    assert "AWS allows 50" in fault
    assert list(account_checks.check_batch_quotas(Plan(), {kind: 50})) == []


def test_passed_roles_are_grouped_by_service() -> None:
    fargate = passed_roles([on("FARGATE")], ACCOUNT)
    assert [arn.rpartition("/")[2] for arn in fargate["ecs-tasks"]] == [
        "crop-eu-west-1-exec",
        "crop-eu-west-1-job",
    ]
    assert fargate["ec2"] == ()
    assert passed_roles([on()], ACCOUNT)["ec2"] == (
        "arn:aws:iam::123456789012:role/scar/scar-instances-eu-west-1",
    )
    own = passed_roles([changed(on(), role="mine")], ACCOUNT)
    assert own["lambda"] == own["ecs-tasks"] == ("arn:aws:iam::123456789012:role/mine",)


def test_the_role_of_a_custom_service_role_and_instance_profile_are_checked() -> None:
    arn = "arn:aws:iam::123456789012:role/service-role/batchs"
    assert passed_roles([on(service_role=arn)], ACCOUNT)["batch"] == (arn,)
    by_name = passed_roles([on(service_role="batchs")], ACCOUNT)["batch"]
    assert by_name == ("arn:aws:iam::123456789012:role/batchs",)
    profile = "arn:aws:iam::123456789012:instance-profile/team/hosts"
    custom = on(compute_resources={"instance_role": profile})
    assert passed_roles([custom], ACCOUNT)["ec2"] == ()
    assert custom_instance_profiles([custom, on(), on("FARGATE")]) == ("hosts",)


@pytest.mark.parametrize(
    ("compute", "batch", "expected"),
    [
        ({"max_v_cpus": 2}, {"memory": 30_000}, "r6i.xlarge (4 vCPUs"),
        ({"max_v_cpus": 2}, {"enable_gpu": True}, "g4dn.xlarge (4 vCPUs"),
        ({"max_v_cpus": 4}, {"memory": 30_000}, ""),
        ({"max_v_cpus": 2, "instance_types": ["zz9"]}, {"memory": 30_000}, ""),
        ({}, {}, ""),
    ],
)
def test_jobs_on_instances_larger_than_max_v_cpus_are_a_warning(
    compute: dict[str, object], batch: dict[str, object], expected: str
) -> None:
    found = warnings(ACCOUNT_STATE, on("EC2", compute_resources=compute, **batch))
    assert len(found) == bool(expected)
    assert all(expected in text and "max_v_cpus to 4" in text for text in found)


@pytest.mark.parametrize(
    ("concurrency", "memory", "warned"),
    [(10, 3009, True), (999, 10_240, True), (10, 3008, False), (1000, 10_240, False)],
)
def test_the_memory_quota_of_new_accounts_is_warned_of(
    concurrency: int, memory: int, warned: bool
) -> None:
    quotas = Quotas(concurrency=concurrency, unreserved=concurrency)
    found = warnings(replace(ACCOUNT_STATE, quotas=quotas), changed(CROP, memory=memory))
    named = [w for w in found if "3008 MB" in w and f"memory is {memory} MB" in w]
    assert bool(named) is warned


def test_no_memory_quota_is_guessed_without_permission_to_read_the_concurrency() -> None:
    assert warnings(ACCOUNT_STATE, changed(CROP, memory=10_240)) == []
