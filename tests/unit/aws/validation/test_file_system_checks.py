"""File systems that jobs cannot mount stop a deployment; those that they may not are warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.account.account_state import AccountState
from scar.aws.account.file_systems import FileSystemState
from scar.aws.model.account import Account
from scar.aws.model.network import SubnetRoute, VpcNetwork
from scar.aws.validation.file_system_checks import (
    find_file_system_errors,
    find_file_system_warnings,
)
from scar.fdl.model import BatchSpec, FileSystemSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function

ACCOUNT_STATE = AccountState(account=Account("123456789012", "eu-west-1"))


def errors(account_state: AccountState, function: Function) -> list[str]:
    return list(find_file_system_errors(function, account_state))


def warnings(account_state: AccountState, function: Function) -> list[str]:
    return list(find_file_system_warnings(function, account_state))


def on(kind: str, **batch: object) -> Function:
    spec = BatchSpec.model_validate({"compute_resources": {"type": kind}, **batch})
    return new_function(name="crop", image="x", execution_mode=ExecutionMode.BATCH, batch=spec)


EFS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
MOUNTED = FileSystemState(is_read=True, file_system="fs-1", vpcs=frozenset({"vpc-1"}))


def mounting(state: FileSystemState, vpc: str = "vpc-1") -> AccountState:
    network = VpcNetwork(vpc=vpc, subnets=("subnet-1",), security_groups=("sg-1",))
    return replace(ACCOUNT_STATE, job_networks={"crop": network}, file_systems={EFS: state})


def with_mount(**keys: object) -> Function:
    function = on("FARGATE", file_system={"arn": EFS, "path": "/mnt/data"})
    return changed(function, **keys)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (FileSystemState(found=False), f"crop: the access point {EFS} does not exist in the"),
        (FileSystemState(is_read=True), f"crop: the file system of {EFS} has no mount target"),
        (
            replace(MOUNTED, vpcs=frozenset({"vpc-2"})),
            "in vpc-2, but jobs run in vpc-1",
        ),
    ],
)
def test_file_systems_that_no_job_can_mount_are_errors(
    state: FileSystemState, expected: str
) -> None:
    (fault,) = errors(mounting(state), with_mount())
    assert expected in fault
    assert errors(mounting(MOUNTED), with_mount()) == []
    assert errors(mounting(FileSystemState()), with_mount()) == []
    assert errors(mounting(state), on("FARGATE")) == []


def test_a_closed_port_and_unread_mount_targets_are_warnings() -> None:
    both = with_mount(file_system=(FileSystemSpec(arn=EFS, path="/mnt/data"),))
    both = changed(both, execution_mode=ExecutionMode.LAMBDA_BATCH)
    closed = replace(MOUNTED, is_open=False, clients=frozenset({"sg-2"}))
    (warning,) = warnings(mounting(closed), both)
    assert "do not admit sg-1 on TCP port 2049" in warning
    assert warnings(mounting(replace(closed, clients=frozenset({"sg-1"}))), both) == []
    (warning,) = warnings(mounting(FileSystemState(unread="denied")), both)
    assert warning.endswith("is not known: denied")


def test_a_file_system_of_one_service_only_is_a_warning() -> None:
    (warning,) = warnings(mounting(MOUNTED), with_mount(execution_mode=ExecutionMode.LAMBDA_BATCH))
    assert "by batch.file_system only: a run has none in Lambda" in warning
    assert warnings(mounting(MOUNTED), with_mount()) == []
    only_lambda = changed(on("FARGATE"), file_system=(FileSystemSpec(arn=EFS, path="/mnt/data"),))
    (warning,) = warnings(mounting(MOUNTED), only_lambda)
    assert "lambda.file_system has no effect on runs" in warning
    mixed = changed(only_lambda, execution_mode=ExecutionMode.LAMBDA_BATCH)
    (warning,) = warnings(mounting(MOUNTED), mixed)
    assert "by lambda.file_system only: a run has none in Batch" in warning


@pytest.mark.parametrize(
    ("zones", "error", "warning"),
    [
        ({"az1", "az2"}, "", ""),
        ({"az1"}, "", "Availability Zones of subnet-2: jobs that run there cannot mount it"),
        ({"az3"}, "Availability Zones of subnet-1, subnet-2: no job can mount it", ""),
        (set(), "", ""),  # not known
    ],
)
def test_each_zone_of_the_jobs_needs_a_mount_target(
    zones: set[str], error: str, warning: str
) -> None:
    network = VpcNetwork(
        vpc="vpc-1",
        subnets=("subnet-1", "subnet-2"),
        security_groups=("sg-1",),
        subnet_routes=tuple(SubnetRoute(subnet=f"subnet-{n}", zone=f"az{n}") for n in (1, 2)),
    )
    account_state = replace(
        mounting(replace(MOUNTED, zones=frozenset(zones))), job_networks={"crop": network}
    )
    found_errors, found_warnings = (
        errors(account_state, with_mount()),
        warnings(account_state, with_mount()),
    )
    assert len(found_errors) == bool(error)
    assert all(error in found for found in found_errors)
    assert len(found_warnings) == bool(warning)
    assert all(warning in found for found in found_warnings)
